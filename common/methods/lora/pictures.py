"""What stands before the first question: texts with pictures, and what the frozen parts make of a picture.

LoRA changes what the language model makes of an image, so no prefix can be kept from step to step. What the
vision tower makes of it is kept: it is computed once per picture. Does not own samples (`sequences`).
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from PIL import Image

from common import vlm
from common.vlm.prefix import image_features, prefix_inputs

PROJECTOR = "model.multi_modal_projector"  # of LLaVA-1.5's families
_QUESTION = "\ue000"  # marks the question's place in the chat template; private use, so in no template

# Of each picture, on the CPU: image tokens (P, D) and what layers add to them, or the projector's input.
Features = Sequence[tuple[torch.Tensor, ...]]


class PrefixTokens(NamedTuple):
    """What stands before the first question about some pictures, or about none.

    Attributes:
        ids: P, an image token for each position of a picture.
        positions: (1, P) int64, or (3, P) where image tokens stand by row and column (see `vlm.families`).
        position_offset: how much later than at P what comes next stands.

    """

    ids: list[int]
    positions: torch.Tensor
    position_offset: int


def vision_features(
    base: vlm.Base, images: Sequence[Image.Image], batch_size: int, *, train_projector: bool
) -> Features:
    """Compute what of images stays as it is: `image_features`, or what the projector is given.

    With `train_projector` the latter, one (F, d) in the model's dtype for each image.
    """
    if not train_projector:
        return image_features(base, images, batch_size)
    given: list[torch.Tensor] = []
    projector = base.model.get_submodule(PROJECTOR)
    with projector.register_forward_pre_hook(lambda _, inputs: given.extend(inputs[0].cpu())):
        image_features(base, images, batch_size)
    return [(features,) for features in given]


def prefix_tokens(
    base: vlm.Base, shown: Iterable[tuple[int, ...]], images: Sequence[Image.Image]
) -> dict[tuple[int, ...], PrefixTokens]:
    """Make what stands before the first question, by the pictures shown; of one size, it is the same."""
    alike: dict[tuple[tuple[int, int], ...], PrefixTokens] = {}
    by_pictures = {}
    for pictures in dict.fromkeys(shown):
        sizes = tuple(images[picture].size for picture in pictures)
        if sizes not in alike:
            alike[sizes] = _prefix_tokens(base, [images[picture] for picture in pictures])
        by_pictures[pictures] = alike[sizes]
    return by_pictures


def _prefix_tokens(base: vlm.Base, images: Sequence[Image.Image]) -> PrefixTokens:
    text = base.layout.prefix_text(image=len(images) > 0)
    if len(images) > 1:
        one, several = (_first_turn(base, count) for count in (1, len(images)))
        text = text.removesuffix(one) + several
    ids, (positions, position_offset) = prefix_inputs(base, images, text)
    places = torch.arange(ids.shape[1])[None] if positions is None else positions[:, 0]
    return PrefixTokens(ids[0].tolist(), places, int(position_offset.item()))


def _first_turn(base: vlm.Base, images: int) -> str:
    """The first turn up to its question, without a system sentence."""
    content = [*[{"type": "image"}] * images, {"type": "text", "text": _QUESTION}]
    messages = [{"role": "user", "content": content}]
    return base.processor.apply_chat_template(messages, tokenize=False).partition(_QUESTION)[0]
