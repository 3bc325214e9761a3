"""Vectors before a Q-Former: as in the published code, where the vision tower's last block adds them.

There the block's output is longer by the vectors, and each cross-attention makes their keys and values as
long as those of the photo's tokens. Losses, penalty, gradients and captions are compared with that forward.
"""

import copy
from functools import partial
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from common.core.errors import UserError
from common.methods.myvlm.captioner import Captioner, load
from tests.support.blip2 import blip2
from tests.support.vlm_helpers import noise_images

IMAGES = noise_images(3, ((40, 30), (20, 44), (48, 47)))
CAPTIONS = ["the dog is next to a tree.", "a red ball", "Yes, the dog is here, and so is the cat."]


@pytest.fixture(scope="module", params=[False, True], ids=["t5", "opt"])
def captioner(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Captioner:
    folder = blip2(tmp_path_factory.mktemp("blip2"), decoder_only=request.param)
    return load("methods.myvlm.captioner", str(folder), None, "float32", "cpu")


def vectors(count: int, rows: int = 1) -> torch.Tensor:
    draws = torch.randn(count, rows, 24, generator=torch.Generator().manual_seed(count))
    return F.normalize(draws, dim=-1)


def published(captioner: Captioner, placed: torch.Tensor) -> tuple[torch.nn.Module, list[torch.Tensor]]:
    """A copy of transformers' model, with vectors as the published code puts them; attention comes here."""
    model, weights = copy.deepcopy(captioner.model), []
    block = model.vision_model.encoder.layers[-1]
    usual = block.forward
    block.forward = lambda hidden, **options: torch.cat([usual(hidden, **options), placed], 1)
    for layer in model.qformer.encoder.layer[::2]:
        attention = layer.crossattention.attention

        def attend(attention, hidden_states, encoder_hidden_states, **_):
            parts = []
            for linear in (attention.key, attention.value):
                rows = linear(encoder_hidden_states)
                patches, added = rows[:, :10], rows[:, 10:]
                lengths = patches.norm(dim=-1).mean(1)[:, None, None]
                rows = torch.cat([patches, F.normalize(added, dim=-1) * lengths], 1)
                parts.append(rows.unflatten(-1, (4, 8)).transpose(1, 2))
            query = attention.query(hidden_states).unflatten(-1, (4, 8)).transpose(1, 2)
            weights.append((query @ parts[0].mT / 8**0.5).softmax(-1))
            return (weights[-1] @ parts[1]).transpose(1, 2).flatten(2), weights[-1]

        attention.forward = partial(attend, attention)
    return model, weights


def plain(captioner: Captioner, placed: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Loss and penalty of the whole forward, photo by photo, without padding."""
    told, penalty = [], torch.zeros(())
    tokenizer, end = captioner.processor.tokenizer, captioner.processor.tokenizer.eos_token_id
    for image, caption, vector in zip(IMAGES, CAPTIONS, placed, strict=True):
        model, weights = published(captioner, vector[None])
        inputs = captioner.processor(images=[image], text=[""], return_tensors="pt")
        said = tokenizer(caption, add_special_tokens=False).input_ids
        labels = torch.tensor([[*said, end]])
        if model.config.use_decoder_only_language_model:
            inputs["input_ids"] = torch.cat([inputs.input_ids, labels], 1)
            inputs["attention_mask"] = torch.ones_like(inputs.input_ids)
            logits = model(**inputs).logits[:, -len(said) - 2 : -1]
        else:
            logits = model(**inputs, labels=labels).logits
        told.append(F.cross_entropy(logits[0], labels[0], reduction="none"))
        penalty = penalty + sum(layer[..., 10:].square().mean() for layer in weights)
    return torch.cat(told).mean(), penalty / len(IMAGES)


def test_loss_penalty_and_gradients_are_those_of_the_published_forward(captioner: Captioner) -> None:
    found, expected = vectors(3).requires_grad_(), vectors(3).requires_grad_()
    ours = captioner.losses(captioner.see(IMAGES, 2), CAPTIONS, found)
    for one, other in zip(ours, plain(captioner, expected), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)
        gradients = [
            torch.autograd.grad(value, leaf, retain_graph=True)[0]
            for value, leaf in ((one, found), (other, expected))
        ]
        assert gradients[1].norm() > 1e-5
        assert (gradients[0] - gradients[1]).norm() < 1e-4 * gradients[1].norm()
    assert captioner.model.qformer.config._attn_implementation == "sdpa"  # put back


@pytest.mark.parametrize("rows", [0, 1, 2])
@pytest.mark.parametrize("text", ["", "Question: What is it? Answer:"])
def test_captions_and_answers_are_those_of_plain_generation(
    captioner: Captioner, rows: int, text: str
) -> None:
    placed = vectors(3, rows)
    found = captioner.answer(captioner.see(IMAGES, 2), text, placed, 6)
    for image, vector, answer in zip(IMAGES, placed, found, strict=True):
        model = published(captioner, vector[None])[0] if rows else captioner.model
        inputs = captioner.processor(images=[image], text=[text], return_tensors="pt")
        new = model.generate(**inputs, max_new_tokens=6, do_sample=False, num_beams=1)[0]
        said = captioner.processor.decode(new, skip_special_tokens=True)
        assert answer.text == said.removeprefix(text).strip()  # which an OPT gives back with the rest
        assert answer.probabilities == ()
        assert answer.cut_off == (captioner.processor.tokenizer.eos_token_id not in new)


def test_vectors_move_the_caption(captioner: Captioner) -> None:
    seen = captioner.see(IMAGES, 3)
    features = [captioner.image_features(seen, vectors(3, rows)) for rows in (0, 1, 2)]
    assert all((features[0] - other).abs().mean() > 1e-3 for other in features[1:])


def test_another_kind_of_model_is_refused_by_its_key(tiny_llava: Path) -> None:
    with pytest.raises(UserError, match=r"of type llava: methods\.myvlm\.captioner\.model in params.yaml"):
        load("methods.myvlm.captioner", str(tiny_llava), None, "float32", "cpu")
    with pytest.raises(UserError, match=r"methods\.myvlm\.captioner\.revision is None: give the 40-digit"):
        load("methods.myvlm.captioner", "Salesforce/blip2-flan-t5-xl", None, "float32", "cpu")
