"""Samples as the language model reads them: whole sequences, and one forward over a batch of them.

LoRA changes what the language model makes of an image, so no prefix can be reused in training. What the
frozen vision tower makes of it is: it is computed once per picture. Owns features, padding and logits. Does
not own adapters (`adapter`) or steps (`learn`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from PIL import Image
from torch import nn

from common import vlm
from common.training.samples import Sample
from common.vlm.suffix import IGNORE

if TYPE_CHECKING:
    from common.methods.lora.conversations import Conversation

_QUESTION = "\ue000"  # marks the question's place in the chat template; private use, so in no template


@dataclass(frozen=True)
class Example:
    """A sample as ids, an image token for each position of its pictures; labels are IGNORE off answers."""

    sample: "Sample | Conversation"
    ids: list[int]
    labels: list[int]
    images: tuple[int, ...]

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
        made.append(Example(sample, prefix + rest.ids, [IGNORE] * len(prefix) + rest.labels, images))
    return made


def prefix_ids(base: vlm.Base, images: int, image_tokens: int) -> list[int]:
    """What stands before the first question, with so many images, each of `image_tokens` positions."""
    text = base.layout.prefix_text(image=images > 0)
    if images > 1:
        one, several = (_opening(base, count) for count in (1, images))
        text = text.removesuffix(one) + several
    token = base.model.config.image_token_id
    ids = base.layout.tokenizer(text).input_ids
    return [i for written in ids for i in [written] * (image_tokens if written == token else 1)]


def _opening(base: vlm.Base, images: int) -> str:
    """The first turn up to its question, without a system sentence."""
    content = [*[{"type": "image"}] * images, {"type": "text", "text": _QUESTION}]
    messages = [{"role": "user", "content": content}]
    return base.processor.apply_chat_template(messages, tokenize=False).partition(_QUESTION)[0]


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
    pictures = [image for example in batch for image in example.images]
    ids, rows, targets, positions, seen = (
        vlm.to_device(tensor, base.device) for tensor in (ids, rows, targets, positions, features[pictures])
    )
    embeddings = base.model.get_input_embeddings()(ids)  # (B, S, D)
    if pictures:
        tokens = projector(seen.to(next(projector.parameters()).dtype)).to(embeddings.dtype)
        at = (ids == base.model.config.image_token_id).unsqueeze(-1)
        embeddings = embeddings.masked_scatter(at, tokens)
    hidden = base.language_model(inputs_embeds=embeddings, use_cache=False).last_hidden_state
    answers = hidden.flatten(0, 1).index_select(0, positions)  # (N, D)
    return AnswerLogits(base.model.lm_head(answers).float(), targets, rows)
