"""A vector appended behind a kept prefix is the vector appended to the image features of transformers' model.

Loss, attention penalties, gradients and answers are compared with the plain forward over the whole sequence,
sample by sample, without padding and without a cache.
"""

import copy
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from common import vlm
from common.methods.myvlm.learn import losses, token_lengths
from common.vlm.image_suffix_tokens import append, appended_ids
from tests.support import tiny
from tests.support.vlm_helpers import full_inputs, noise_images

IMAGES = noise_images(3)
PAIRS = [
    ("Please caption this image of sks.", "sks is next to a tree."),
    ("What color is sks in this photo?", "It is brown."),
    ("Where?", "No, I do not see the cat in this photo, it is a red ball."),
]


@pytest.fixture(scope="module", params=[2, 4], ids=["grouped-query", "multi-head"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> vlm.Base:
    folder = tiny.llava(tmp_path_factory.mktemp("llava"), kv_heads=request.param)
    base = vlm.load(str(folder), system="Be brief.")
    base.model.lm_head.weight[base.model.config.image_token_id] = 0  # which it would be another image to say
    return base


def vectors(count: int, rows: int = 1, width: int = 32) -> torch.Tensor:
    return torch.randn(count, rows, width, generator=torch.Generator().manual_seed(count))


def appended_inputs(
    base: vlm.Base, image: Image.Image, suffix: vlm.Suffix, vector: torch.Tensor
) -> tuple[torch.nn.Module, dict[str, torch.Tensor]]:
    """Transformers' model, its image features longer by the vector's rows, and inputs with as many ids."""
    model = copy.deepcopy(base.model)
    model.set_attn_implementation("eager")
    inputs = full_inputs(base, image, suffix)
    features = model.model.get_image_features(pixel_values=inputs["pixel_values"]).pooler_output[0]
    longer = SimpleNamespace(pooler_output=[torch.cat([features, vector])])
    model.model.get_image_features = lambda *args, **kwargs: longer
    ids, token = inputs["input_ids"][0], model.config.image_token_id
    after = int((ids == token).nonzero().max()) + 1
    ids = torch.cat([ids[:after], ids.new_full((len(vector),), token), ids[after:]])
    return model, inputs | {"input_ids": ids[None], "attention_mask": torch.ones_like(ids)[None]}


def plain(base: vlm.Base, vectors: torch.Tensor, penalty: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Loss and penalty by the forward over everything."""
    token_losses, total = [], torch.zeros(())
    for image, pair, vector in zip(IMAGES, PAIRS, vectors, strict=True):
        suffix = vlm.suffix(base, None, *pair)
        model, inputs = appended_inputs(base, image, suffix, vector)
        out = model(**inputs, output_attentions=True)
        length = inputs["input_ids"].shape[1]
        labels = torch.tensor([-100] * (length - len(suffix.ids)) + suffix.labels)
        token_losses.append(
            F.cross_entropy(out.logits[0, :-1], labels[1:], reduction="none")[labels[1:] != -100]
        )
        place = int((inputs["input_ids"][0] == model.config.image_token_id).nonzero().max())
        for weights in out.attentions:  # (1, H, T, T)
            line = weights[0, :, place, :] if penalty == "paid" else weights[0, :, :, place]
            total = total + line.square().mean()
    return torch.cat(token_losses).mean(), total


@pytest.mark.parametrize("penalty", ["paid", "received"])
def test_loss_penalty_and_gradients_equal_the_plain_forward(base: vlm.Base, penalty: str) -> None:
    suffixes = [vlm.suffix(base, None, *pair) for pair in PAIRS]
    assert len({len(suffix.ids) for suffix in suffixes}) == 3  # so that rows are padded
    found = vectors(3).requires_grad_()
    expected = vectors(3).requires_grad_()
    prefixes = vlm.encode_prefixes(base, IMAGES, 2).batch([0, 1, 2])
    ours, theirs = losses(base, prefixes, suffixes, found, penalty), plain(base, expected, penalty)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)
    for one, other in zip(ours, theirs, strict=True):
        gradients = [
            torch.autograd.grad(value, leaf, retain_graph=True)[0]
            for value, leaf in ((one, found), (other, expected))
        ]
        assert gradients[1].norm() > 1e-5
        assert (gradients[0] - gradients[1]).norm() < 1e-4 * gradients[1].norm()
    assert base.model.model.language_model.config._attn_implementation == "sdpa"  # put back


def test_the_penalties_differ(base: vlm.Base) -> None:
    suffixes = [vlm.suffix(base, None, *pair) for pair in PAIRS]
    prefixes = vlm.encode_prefixes(base, IMAGES, 2).batch([0, 1, 2])
    paid, received = (losses(base, prefixes, suffixes, vectors(3), kind)[1] for kind in ("paid", "received"))
    assert abs(paid - received) > 1e-4


@pytest.mark.parametrize("rows", [1, 2])
def test_answers_behind_appended_vectors_equal_plain_generation(base: vlm.Base, rows: int) -> None:
    prefixes = vlm.encode_prefixes(base, IMAGES, 2)
    placed = vectors(3, rows)
    longer = append(base, prefixes, range(3), placed)
    queries = [vlm.Query(question, image) for image in range(3) for question, _ in PAIRS]
    found = vlm.answer(base, queries, longer, max_new_tokens=6, batch_size=4)
    unlike = vlm.answer(base, queries, prefixes, max_new_tokens=6, batch_size=4)
    assert [a.text for a in found] != [a.text for a in unlike]
    for query, answer in zip(queries, found, strict=True):
        suffix = vlm.suffix(base, None, query.question)
        model, inputs = appended_inputs(base, IMAGES[query.image], suffix, placed[query.image])
        new: list[int] = []
        while len(new) < 6 and base.tokenizer.eos_token_id not in new:
            new.append(int(model(**inputs).logits[0, -1].argmax()))
            ids = torch.cat([inputs["input_ids"], torch.tensor([new[-1:]])], 1)
            inputs |= {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        said = [i for i in new if i != base.tokenizer.eos_token_id]
        assert answer.text == base.layout.decode(said, base.vocab_size, [])


def test_vectors_stand_right_after_the_last_image_token(base: vlm.Base) -> None:
    text = base.layout.prefix_text(image=True)
    newline = base.layout.tokenizer(text).input_ids[-1]
    assert appended_ids(base, 2) == [base.vocab_size, base.vocab_size + 1, newline]


def test_lengths_are_those_of_the_tokens_named(base: vlm.Base) -> None:
    tokens = vlm.image_tokens(base, IMAGES).norm(dim=-1)
    found = {norm: token_lengths(base, IMAGES, norm, 2) for norm in ("patch", "mean", "cls")}
    torch.testing.assert_close(found["patch"], tokens[:, 0])
    torch.testing.assert_close(found["mean"], tokens.mean(1))
    pixels = base.processor.image_processor(IMAGES, return_tensors="pt").pixel_values
    seen = base.model.model.vision_tower(pixels, output_hidden_states=True).hidden_states[-2]
    torch.testing.assert_close(found["cls"], seen[:, 0].norm(dim=-1))
