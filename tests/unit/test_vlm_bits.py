"""Weights of 8 or 4 bits: fewer bytes, the same engine. bitsandbytes' own CPU kernels run here."""

import pytest
import torch
import torch.nn.functional as F

from common import vlm
from common.vlm.suffix import IGNORE
from tests.support.helpers import ROOT
from tests.support.vlm_helpers import full_inputs, noise_images, resized, soft_prompt

SHIPPED = str(ROOT / "models/base/llava")
IMAGES = noise_images(3)
# LLM.int8 rounds activations, too, each row by its largest number but for columns with outliers in any row,
# so that what else is in a forward matters: on the shipped base, a fifth of the gradients.
TOLERANCES = {4: 1e-5, 8: 0.5}


@pytest.mark.parametrize("bits", TOLERANCES)
@pytest.mark.filterwarnings("ignore:MatMul8bitLt")
def test_loss_and_gradients_are_those_of_the_plain_forward(bits: int) -> None:
    base, whole = vlm.load(SHIPPED, bits=bits), vlm.load(SHIPPED)
    weight = "language_model.layers.0.mlp.up_proj"
    packed, full = (one.model.model.get_submodule(weight).weight for one in (base, whole))
    assert packed.nbytes * 8 == full.numel() * bits
    assert base.model.lm_head.weight.equal(whole.model.lm_head.weight)

    prompt = soft_prompt(base, "bo", 3)
    leaf = vlm.SoftPrompt("bo", prompt.embeddings.clone().requires_grad_(), prompt.output_row)
    suffixes = [vlm.suffix(base, leaf, "Is it <bo>?", answer) for answer in ("Yes", "No, a red ball.", "No")]
    batch = vlm.encode_prefixes(base, IMAGES).batch([0, 1, 2])
    losses = vlm.suffix_loss(base, batch, suffixes, [leaf] * 3)
    losses.sum().backward()

    model = resized(base, prompt)
    table = model.get_input_embeddings().weight.requires_grad_()
    expected = []
    for image, suffix in zip(IMAGES, suffixes, strict=True):
        inputs = full_inputs(base, image, suffix)
        before = inputs["input_ids"].shape[1] - len(suffix.ids)
        labels = torch.tensor([IGNORE] * before + suffix.labels)[1:]
        logits = model(**inputs).logits[0, :-1]
        expected.append(F.cross_entropy(logits, labels, ignore_index=IGNORE))
    torch.stack(expected).sum().backward()
    for found, plain in (
        (losses, torch.stack(expected)),
        (leaf.embeddings.grad, table.grad[base.vocab_size :]),
    ):
        assert plain.norm() > 0.1 and (found - plain).norm() <= TOLERANCES[bits] * plain.norm()
