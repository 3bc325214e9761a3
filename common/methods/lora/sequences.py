"""Samples as the language model reads them: whole sequences, and one forward over rows of them.

Owns the layout of rows and logits. Does not own what stands before a question (`pictures`), which samples
share a row (`rows`), adapters (`adapter`) or steps (`learn`).
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from PIL import Image
from torch import nn

from common import vlm
from common.methods.lora.pictures import Features, PrefixTokens, prefix_tokens
from common.training.samples import Sample
from common.vlm.forward import mask_and_places
from common.vlm.packing import SHARED, pack_rows
from common.vlm.suffix import IGNORE


@dataclass(frozen=True)
class Conversation:
    """Questions and their answers, all of which are learned, and the indices of the pictures before them."""

    turns: Sequence[tuple[str, str]]
    images: tuple[int, ...]
    weight: float = 1.0


@dataclass(frozen=True)
class Example:
    """A sample as ids.

    Attributes:
        sample: what it is made of.
        prefix: what stands before the first question.
        ids: what comes after it.
        labels: of `ids`, IGNORE off answers.
        images: indices of its pictures.

    """

    sample: Sample | Conversation
    prefix: PrefixTokens
    ids: list[int]
    labels: list[int]
    images: tuple[int, ...]

    @property
    def length(self) -> int:
        """Positions of the whole."""
        return len(self.prefix.ids) + len(self.ids)

    @property
    def supervised(self) -> int:
        """Positions with a label."""
        return sum(label != IGNORE for label in self.labels)


class AnswerLogits(NamedTuple):
    """The positions of a forward that predict an answer, N of them.

    Attributes:
        logits: (N, V) float32.
        targets: (N,) int64.
        samples: (N,) int64, the examples that they belong to, rising.

    """

    logits: torch.Tensor
    targets: torch.Tensor
    samples: torch.Tensor


def examples(base: vlm.Base, samples: Sequence[Sample], images: Sequence[Image.Image]) -> list[Example]:
    """Put samples in the layout of the base, the subject's name as plain text.

    Args:
        base: its chat template and tokenizer count.
        samples: what is learned; the answer and the end token after it are supervised.
        images: that the samples refer to.

    """
    shown = [() if sample.image is None else (sample.image,) for sample in samples]
    before = prefix_tokens(base, shown, images)
    made = []
    for sample, pictures in zip(samples, shown, strict=True):
        rest = vlm.suffix(base, None, sample.question, sample.answer, image=bool(pictures))
        made.append(Example(sample, before[pictures], rest.ids, rest.labels, pictures))
    return made


def predict(
    base: vlm.Base,
    projector: nn.Module | None,
    features: Features,
    rows: Sequence[Sequence[Example]],
    *,
    every_value: bool = False,
) -> AnswerLogits:
    """One forward over R rows of examples, each of which sees its prefix and itself alone.

    Args:
        base: the model, with an adapter or without.
        projector: turns features into image tokens, in its own dtype; its values may require gradients. None
            where features are image tokens already.
        features: what `vision_features` gave of the pictures that the examples refer to.
        rows: examples that begin with the same pictures; prefixes of all rows are equally long.
        every_value: whether the projector gets gradients, of zeros, without pictures as well.

    """
    examples = [example for row in rows for example in row]
    packed = pack_rows(_numbered(rows), {number: example.ids for number, example in enumerate(examples)})
    first = torch.tensor([row[0].prefix.ids for row in rows])  # (R, P)
    ids = torch.cat([first, packed.ids], 1)  # (R, P + T)
    segment_ids = torch.cat([torch.full_like(first, SHARED), packed.segment_ids], 1)
    labels = torch.full_like(ids, IGNORE)
    labels[segment_ids > SHARED] = torch.tensor([label for example in examples for label in example.labels])
    at, before = (labels[:, 1:] != IGNORE).nonzero(as_tuple=True)
    targets, answers = labels[at, before + 1], at * ids.shape[1] + before  # (N,)
    samples = packed.samples[at, before + 1 - first.shape[1]]
    ids, segment_ids, targets, answers, samples = (
        vlm.to_device(tensor, base.device) for tensor in (ids, segment_ids, targets, answers, samples)
    )
    embeddings = base.model.get_input_embeddings()(ids)  # (R, P + T, D)
    places = ids == base.model.config.image_token_id
    tokens, *added = _shown(base, projector, features, [image for row in rows for image in row[0].images])
    if tokens is not None:
        embeddings = embeddings.masked_scatter(places.unsqueeze(-1), tokens.to(embeddings.dtype))
    elif projector is not None and every_value:
        embeddings = embeddings + 0 * sum(value.sum() for value in projector.parameters())
    mask, seen = mask_and_places(embeddings, segment_ids)
    hidden = base.language_model(
        inputs_embeds=embeddings,
        attention_mask=mask,
        position_ids=_position_ids([row[0].prefix for row in rows], seen),
        use_cache=False,
        **({"visual_pos_masks": places, "deepstack_visual_embeds": added} if added else {}),
    ).last_hidden_state
    logits = base.model.lm_head(hidden.flatten(0, 1).index_select(0, answers))
    return AnswerLogits(logits.float(), targets, samples)


def _shown(
    base: vlm.Base, projector: nn.Module | None, features: Features, images: Sequence[int]
) -> list[torch.Tensor | None]:
    """Image tokens (M, D) of these pictures, None for none, and what first layers add to them."""
    if not images:
        return [None]
    each = [features[image] for image in images]
    if projector is None:
        return [vlm.to_device(torch.cat(parts), base.device) for parts in zip(*each, strict=True)]
    given = vlm.to_device(torch.stack([own for (own,) in each]), base.device)
    return [projector(given.to(next(projector.parameters()).dtype)).flatten(0, 1)]


def _position_ids(prefixes: Sequence[PrefixTokens], seen: torch.Tensor) -> torch.Tensor:
    """Where tokens stand, (R, S), or (3, R, S) by row and column; `seen` (R, S) is how many each one sees."""
    axes = max(len(prefix.positions) for prefix in prefixes)
    first = torch.stack([prefix.positions.expand(axes, -1) for prefix in prefixes], 1)  # (A, R, P)
    offsets = torch.tensor([[prefix.position_offset] for prefix in prefixes])
    first, offsets = (vlm.to_device(tensor, seen.device) for tensor in (first, offsets))
    after = seen[:, first.shape[-1] :] + offsets
    return torch.cat([first, after.expand(axes, -1, -1)], -1).squeeze(0)


def _numbered(rows: Sequence[Sequence[Example]]) -> list[list[int]]:
    """The numbers of the rows' examples, one row after another."""
    numbers = itertools.count()
    return [[next(numbers) for _ in row] for row in rows]
