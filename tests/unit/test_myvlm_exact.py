"""A vector appended behind a kept prefix is the vector appended to the image features of transformers' model.

Loss, attention penalties, gradients and answers are compared with the plain forward over the whole sequence,
sample by sample, without padding and without a cache. For the families that MyVLM was published on: LLaVA,
LLaVA-1.6, of whose image tokens each photo has another number, and MiniGPT-v2 with its tasks' marks; and for
FastVLM, whose tower is a convolutional network, as that of the base for photographs.
"""

from functools import partial

import pytest
import torch
import torch.nn.functional as F

from common import vlm
from common.core.errors import UserError
from common.methods.myvlm.learn import losses, token_lengths
from common.vlm.image_suffix_tokens import append, appended_ids
from tests.support import tiny
from tests.support.families import BUILDERS
from tests.support.myvlm_helpers import appended_inputs, image_tokens, plain_answer
from tests.support.vlm_helpers import SHAPES, noise_images

IMAGES = noise_images(3, SHAPES)
PAIRS = [
    ("[caption] A short image caption of sks:", "sks is next to a tree."),
    ("[refer] sks in the image", "{<10><20><50><100>}"),
    ("What color is sks in this photo?", "No, I do not see the cat in this photo, it is a red ball."),
]
WITHOUT_CLASS_TOKEN = ("fast_vlm", "minigpt_v2")
MODELS = {
    "grouped-query": partial(tiny.llava, kv_heads=2),
    "multi-head": partial(tiny.llava, kv_heads=4),
    "fast_vlm": BUILDERS["fast_vlm"],
    "llava_next": BUILDERS["llava_next"],
    "minigpt_v2": BUILDERS["minigpt_v2"],
}


@pytest.fixture(scope="module", params=MODELS)
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> vlm.Base:
    base = vlm.load(str(MODELS[request.param](tmp_path_factory.mktemp("model"))), system="Be brief.")
    base.model.lm_head.weight[base.model.config.image_token_id] = 0  # which it would be another image to say
    return base


def vectors(count: int, rows: int = 1, width: int = 32) -> torch.Tensor:
    return torch.randn(count, rows, width, generator=torch.Generator().manual_seed(count))


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
    assert abs(paid - received) > 1e-3 * paid


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
        assert answer.text == plain_answer(base, IMAGES[query.image], query.question, placed[query.image], 6)


def test_vectors_stand_right_after_the_last_image_token(base: vlm.Base) -> None:
    before, behind = base.layout.prefix_text(image=True).split(base.processor.image_token)
    cut = len(base.layout.tokenizer(before + base.processor.image_token).input_ids)
    whole = base.layout.tokenizer(before + base.processor.image_token + behind).input_ids
    assert appended_ids(base, 2) == [base.vocab_size, base.vocab_size + 1, *whole[cut:]]


def test_lengths_are_those_of_the_tokens_named(base: vlm.Base) -> None:
    family = base.model.config.model_type
    tokens, classes = [], []
    for image in IMAGES:
        inputs = base.processor(images=[image], text=[base.processor.image_token], return_tensors="pt")
        tokens.append(image_tokens(base, inputs).norm(dim=-1))
        if family in WITHOUT_CLASS_TOKEN:
            continue
        whole = inputs["pixel_values"].flatten(0, -4)[:1]  # LLaVA-1.6 has its tiles behind it
        seen = base.model.model.vision_tower(whole, output_hidden_states=True).hidden_states[-2]
        classes.append(seen[0, 0].norm())
    counts = {len(each) for each in tokens}
    assert len(counts) == (3 if family == "llava_next" else 1)
    found = {norm: token_lengths(base, IMAGES, norm, 2) for norm in ("patch", "mean")}
    torch.testing.assert_close(found["patch"], torch.stack([each[0] for each in tokens]))
    torch.testing.assert_close(found["mean"], torch.stack([each.mean() for each in tokens]))
    if classes:
        torch.testing.assert_close(token_lengths(base, IMAGES, "cls", 2), torch.stack(classes))
    else:
        with pytest.raises(UserError, match=r"no \[CLS\] in its vision tower: set norm to patch or mean"):
            token_lengths(base, IMAGES, "cls", 2)
