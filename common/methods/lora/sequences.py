"""Samples as the language model reads them: whole sequences, and one forward over a batch of them.

LoRA changes what the language model makes of an image, so no prefix can be reused in training. What the
frozen vision tower makes of it is: it is computed once per picture. Owns features, padding and logits. Does
not own adapters (`adapter`) or steps (`learn`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from PIL import Image
from torch import nn

from common import vlm
from common.training.samples import Sample
from common.vlm.suffix import IGNORE


@dataclass(frozen=True)
class Example:
    """A sample as ids, an image token for each position of its picture; labels are IGNORE off the answer."""

    sample: Sample
    ids: list[int]
    labels: list[int]

    @property
    def supervised(self) -> int:
        """Positions with a label."""
        return sum(label != IGNORE for label in self.labels)


class AnswerLogits(NamedTuple):
    """The positions of a batch that predict an answer, N of them.

    logits: (N, V) float32; targets: (N,) int64; rows: (N,) int64, the examples that they belong to, rising.
    """

    logits: torch.Tensor
    targets: torch.Tensor
    rows: torch.Tensor


def vision_features(base: vlm.Base, images: Sequence[Image.Image], batch_size: int) -> torch.Tensor:
    """What the projector is given of n ≥ 1 images: (n, P, d) in the model's dtype on the CPU."""
    found: list[torch.Tensor] = []
    projector = base.model.model.multi_modal_projector
    with projector.register_forward_pre_hook(lambda module, given: found.append(given[0].cpu())):
        vlm.image_tokens(base, images, batch_size)
    return torch.cat(found)


def examples(base: vlm.Base, samples: Sequence[Sample], image_tokens: int) -> list[Example]:
    """Put samples in the layout of the base, the subject's name as plain text; those too long are left out.

    Args:
        base: its chat template, tokenizer and longest sequence count.
        samples: what is learned; the answer and the end token after it are supervised.
        image_tokens: P, positions that a picture takes.

    """
    text = base.layout.tokenizer(base.layout.prefix_text(image=False)).input_ids
    token = base.model.config.image_token_id
    shown = base.layout.tokenizer(base.layout.prefix_text(image=True)).input_ids
    at = shown.index(token)
    shown[at : at + 1] = [token] * image_tokens
    made = []
    for sample in samples:
        prefix = text if sample.image is None else shown
        rest = vlm.suffix(base, None, sample.question, sample.answer, image=sample.image is not None)
        made.append(Example(sample, prefix + rest.ids, [IGNORE] * len(prefix) + rest.labels))
    longest = base.model.config.text_config.max_position_embeddings
    return [example for example in made if len(example.ids) <= longest]


def predict(
    base: vlm.Base, projector: nn.Module, features: torch.Tensor, batch: Sequence[Example]
) -> AnswerLogits:
    """One forward over B examples with and without pictures, padded on the right, which none of them sees.

    Args:
        base: the model, with an adapter or without.
        projector: turns features into image tokens, in its own dtype; its values may require gradients.
        features: (n, P, d), what `vision_features` gave of the pictures that the examples refer to.
        batch: the examples.

    """
    length = max(len(example.ids) for example in batch)
    filler = base.tokenizer.pad_token_id or 0
    ids = torch.tensor([example.ids + [filler] * (length - len(example.ids)) for example in batch])  # (B, S)
    labels = torch.tensor([example.labels + [IGNORE] * (length - len(example.labels)) for example in batch])
    rows, before = (labels[:, 1:] != IGNORE).nonzero(as_tuple=True)
    targets, positions = labels[rows, before + 1], rows * length + before
    pictures = [example.sample.image for example in batch if example.sample.image is not None]
    ids, rows, targets, positions, seen = (
        vlm.to_device(tensor, base.device) for tensor in (ids, rows, targets, positions, features[pictures])
    )
    embeddings = base.model.get_input_embeddings()(ids)  # (B, S, D)
    if pictures:
        tokens = projector(seen.to(next(projector.parameters()).dtype)).to(embeddings.dtype)
        at = (ids == base.model.config.image_token_id).unsqueeze(-1)
        embeddings = embeddings.masked_scatter(at, tokens)
    hidden = base.model.model.language_model(inputs_embeds=embeddings, use_cache=False).last_hidden_state
    answers = hidden.flatten(0, 1).index_select(0, positions)  # (N, D)
    return AnswerLogits(base.model.lm_head(answers).float(), targets, rows)
