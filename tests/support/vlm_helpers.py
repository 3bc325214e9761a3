"""What the tests of `common.vlm` share: pictures, soft prompts, and the plain model to compare with."""

import copy
import re
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from transformers import LogitsProcessor

from common import vlm
from common.core import paths
from common.vlm.soft_prompt import output_positions

SHAPES = ((40, 30), (20, 44), (48, 47))  # of which families that mind the shape make 20 to 36 image tokens


def noise_images(count: int, shapes: Sequence[tuple[int, int]] = SHAPES[:1]) -> list[Image.Image]:
    """Pictures that differ everywhere, of these heights and widths in turn."""
    return [
        Image.fromarray(
            np.random.default_rng(i).integers(0, 255, (*shapes[i % len(shapes)], 3), dtype=np.uint8)
        )
        for i in range(count)
    ]


def soft_prompt(
    base: vlm.Base, subject: str, latent_tokens: int, seed: int = 0, *, latent_output_rows: bool = False
) -> vlm.SoftPrompt:
    """Random rows, with output rows strong enough to be said."""
    draws = torch.Generator().manual_seed(seed)
    prompt = vlm.SoftPrompt.init_random(
        base.model, subject, latent_tokens, draws, latent_output_rows=latent_output_rows
    )
    return vlm.SoftPrompt(subject, prompt.embeddings, 2 * prompt.output_row)


def save_soft_prompts(base: vlm.Base, *subjects: str) -> None:
    """Make these subjects trained ones of this base, each with rows of its own."""
    for seed, subject in enumerate(subjects):
        prompt = soft_prompt(base, subject, 2, seed)
        prompt.info["base"] = {"fingerprint": base.fingerprint}
        prompt.save(paths.subject_model(subject))


def assert_same_answers(found: Sequence[vlm.Answer], expected: Sequence[vlm.Answer]) -> None:
    """The same words, and probabilities that differ by rounding alone."""
    assert [answer.text for answer in found] == [answer.text for answer in expected]
    torch.testing.assert_close(
        torch.tensor([answer.probabilities for answer in found]),
        torch.tensor([answer.probabilities for answer in expected]),
        rtol=1e-4,
        atol=1e-6,
    )


class NamesEnd(LogitsProcessor):
    """For plain `generate`: a learned row that was just said is not gone on with as if it began a word."""

    def __init__(self, base: vlm.Base, first: int | None = None) -> None:
        pieces = base.tokenizer.convert_ids_to_tokens(range(len(base.tokenizer)))
        self.first = base.vocab_size if first is None else first
        self.words = [i for i, piece in enumerate(pieces) if re.match(r"[\w>]", piece, re.ASCII)]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        for ids, row in zip(input_ids, scores, strict=True):
            if ids[-1] >= self.first:
                row[self.words] = -torch.inf
        return scores


def resized(base: vlm.Base, *prompts: vlm.SoftPrompt) -> torch.nn.Module:
    """Copy the model and put the learned rows behind its tables: the plain way to use soft prompts.

    The output table gets the rows that can be said; between them there are rows that are never chosen.
    """
    model = copy.deepcopy(base.model)
    if prompts:
        table, head = model.get_input_embeddings().weight, model.get_output_embeddings().weight
        rows = torch.cat([table, *(prompt.embeddings for prompt in prompts)])
        model.set_input_embeddings(torch.nn.Embedding.from_pretrained(rows, freeze=False))
        places = [len(head) + row for row in output_positions(prompts)]
        model.lm_head = torch.nn.Linear(head.shape[1], places[-1] + 1, bias=len(prompts) > 1)
        model.lm_head.weight.data = torch.cat(
            [head, head.new_zeros(places[-1] + 1 - len(head), head.shape[1])]
        )
        model.lm_head.weight.data[places] = torch.cat([p.output_row for p in prompts]).to(head)
        if len(prompts) > 1:
            model.lm_head.bias.data[:] = 0
            between = sorted({*range(len(head), places[-1])} - {*places})
            model.lm_head.bias.data[between] = -1e9
    return model


def full_inputs(base: vlm.Base, image: Image.Image | None, suffix: vlm.Suffix) -> dict[str, torch.Tensor]:
    """Processor inputs of the whole sequence, suffix included."""
    text = base.layout.prefix_text(image is not None)
    inputs = base.processor(text=[text], images=None if image is None else [image], return_tensors="pt")
    ids = torch.cat([inputs["input_ids"], torch.tensor([suffix.ids])], 1)
    whole = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    if "mm_token_type_ids" in inputs:
        kinds = inputs["mm_token_type_ids"]
        whole["mm_token_type_ids"] = torch.cat([kinds, kinds.new_zeros(1, len(suffix.ids))], 1)
    return {**inputs, **whole}
