"""Samples as the language model reads them: whole sequences, and one forward over rows of them.

LoRA changes what the language model makes of an image, so no prefix can be kept from step to step. What the
frozen vision tower makes of it is: it is computed once per picture. Owns features, the layout of rows and
logits. Does not own which samples share a row (`rows`), adapters (`adapter`) or steps (`learn`).
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from PIL import Image
from torch import nn

from common import vlm
from common.training.samples import Sample
from common.vlm.forward import run
from common.vlm.packing import SHARED, pack_rows
from common.vlm.suffix import IGNORE

if TYPE_CHECKING:
    from common.methods.lora.conversations import Conversation

_QUESTION = "\ue000"  # marks the question's place in the chat template; private use, so in no template


@dataclass(frozen=True)
class Example:
    """A sample as ids.

    Attributes:
        sample: what it is made of.
        prefix: what stands before the first question, an image token for each position of its pictures.
        ids: what comes after it.
        labels: of `ids`, IGNORE off answers.
        images: indices of its pictures.

    """

    sample: "Sample | Conversation"
    prefix: tuple[int, ...]
    ids: list[int]
    labels: list[int]
    images: tuple[int, ...]

    @property
    def length(self) -> int:
        """Positions of the whole."""
        return len(self.prefix) + len(self.ids)

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


def vision_features(base: vlm.Base, images: Sequence[Image.Image], batch_size: int) -> torch.Tensor:
    """What the projector is given of n ≥ 1 images: (n, P, d) in the model's dtype on the CPU."""
    found: list[torch.Tensor] = []
    projector = base.model.model.multi_modal_projector
    with projector.register_forward_pre_hook(lambda module, given: found.append(given[0].cpu())):
        vlm.image_tokens(base, images, batch_size)
    return torch.cat(found)


def examples(base: vlm.Base, samples: Sequence[Sample], image_tokens: int) -> list[Example]:
    """Put samples in the layout of the base, the subject's name as plain text.

    Args:
        base: its chat template and tokenizer count.
        samples: what is learned; the answer and the end token after it are supervised.
        image_tokens: P, positions that a picture takes.

    """
    prefixes = [prefix_ids(base, count, image_tokens) for count in (0, 1)]
    made = []
    for sample in samples:
        images = () if sample.image is None else (sample.image,)
        prefix = prefixes[len(images)]
        rest = vlm.suffix(base, None, sample.question, sample.answer, image=bool(images))
        made.append(Example(sample, prefix, rest.ids, rest.labels, images))
    return made


def prefix_ids(base: vlm.Base, images: int, image_tokens: int) -> tuple[int, ...]:
    """What stands before the first question, with so many images, each of `image_tokens` positions."""
    text = base.layout.prefix_text(image=images > 0)
    if images > 1:
        one, several = (_opening(base, count) for count in (1, images))
        text = text.removesuffix(one) + several
    token = base.model.config.image_token_id
    ids = base.layout.tokenizer(text).input_ids
    return tuple(i for written in ids for i in [written] * (image_tokens if written == token else 1))


def _opening(base: vlm.Base, images: int) -> str:
    """The first turn up to its question, without a system sentence."""
    content = [*[{"type": "image"}] * images, {"type": "text", "text": _QUESTION}]
    messages = [{"role": "user", "content": content}]
    return base.processor.apply_chat_template(messages, tokenize=False).partition(_QUESTION)[0]


def predict(
    base: vlm.Base, projector: nn.Module, features: torch.Tensor, rows: Sequence[Sequence[Example]]
) -> AnswerLogits:
    """One forward over R rows of examples, each of which sees its prefix and itself alone.

    Args:
        base: the model, with an adapter or without.
        projector: turns features into image tokens, in its own dtype; its values may require gradients.
        features: (n, F, d), what `vision_features` gave of the pictures that the examples refer to.
        rows: examples that begin with the same pictures; prefixes of all rows are equally long.

    """
    examples = [example for row in rows for example in row]
    packed = pack_rows(_numbered(rows), {number: example.ids for number, example in enumerate(examples)})
    prefixes = torch.tensor([row[0].prefix for row in rows])  # (R, P)
    ids = torch.cat([prefixes, packed.ids], 1)  # (R, P + T)
    segment_ids = torch.cat([torch.full_like(prefixes, SHARED), packed.segment_ids], 1)
    labels = torch.full_like(ids, IGNORE)
    labels[segment_ids > SHARED] = torch.tensor([label for example in examples for label in example.labels])
    at, before = (labels[:, 1:] != IGNORE).nonzero(as_tuple=True)
    targets, positions = labels[at, before + 1], at * ids.shape[1] + before
    samples = packed.samples[at, before + 1 - prefixes.shape[1]]
    pictures = [image for row in rows for image in row[0].images]
    ids, segment_ids, targets, positions, samples, seen = (
        vlm.to_device(tensor, base.device)
        for tensor in (ids, segment_ids, targets, positions, samples, features[pictures])
    )
    embeddings = base.model.get_input_embeddings()(ids)  # (R, P + T, D)
    if pictures:
        tokens = projector(seen.to(next(projector.parameters()).dtype)).to(embeddings.dtype)
        places = (ids == base.model.config.image_token_id).unsqueeze(-1)
        embeddings = embeddings.masked_scatter(places, tokens)
    hidden = run(base, embeddings, None, segment_ids)
    answers = hidden.flatten(0, 1).index_select(0, positions)  # (N, D)
    return AnswerLogits(base.model.lm_head(answers).float(), targets, samples)


def _numbered(rows: Sequence[Sequence[Example]]) -> list[list[int]]:
    """The numbers of the rows' examples, one row after another."""
    numbers = itertools.count()
    return [[next(numbers) for _ in row] for row in rows]
