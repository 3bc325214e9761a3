"""What differs between the families of models: where their tokens stand, and what is cut of a picture.

All else goes through what transformers gives every family alike. A family fits when its processor puts as
many image tokens into the text as the model makes of the image; its chat template puts the image before the
question; text attends to what came before alone; `get_decoder()` takes embeddings and a cache; and
`lm_head` makes logits of its hidden states.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import torch

from common.core.errors import UserError
from common.core.models import PADDED

if TYPE_CHECKING:
    from transformers import PreTrainedModel, ProcessorMixin

Inputs = Mapping[str, torch.Tensor]  # what a processor makes of B texts, each with its image
# Positions of B rows' P tokens, (3, B, P) int64, or None for 0, 1, 2 …; and (B,) int64, how much later than
# by its number the next token stands.
Positions = tuple[torch.Tensor | None, torch.Tensor]


def _in_order(model: "PreTrainedModel", inputs: Inputs) -> Positions:
    """Image tokens count like words."""
    return None, inputs["input_ids"].new_zeros(len(inputs["input_ids"]))


def _by_grid(model: "PreTrainedModel", inputs: Inputs) -> Positions:
    """M-RoPE (Qwen2-VL, section 2.1): image tokens stand at their row and column, (3, B, P) positions."""
    if "image_grid_thw" not in inputs:
        return _in_order(model, inputs)
    positions, position_offset = model.model.get_rope_index(**{name: inputs[name] for name in _GRID})
    return positions, position_offset.squeeze(1)


_GRID = ("input_ids", "mm_token_type_ids", "image_grid_thw")
FAMILIES: dict[str, Callable[["PreTrainedModel", Inputs], Positions]] = {  # by the config's model_type
    "llava": _in_order,
    "fast_vlm": _in_order,
    "idefics3": _in_order,
    "llava_next": _in_order,
    "minigpt_v2": _in_order,
    "qwen2_5_vl": _by_grid,
    "qwen3_vl": _by_grid,
}
# Their image tokens are as many for every photo, and stand in order.
INTERLEAVED = ("llava", "fast_vlm", "minigpt_v2")


def check(model: str, model_type: str) -> None:
    """Raise UserError for a model of a family that is not known to fit."""
    if model_type not in FAMILIES:
        raise UserError(
            f"{model} is a model of type {model_type}: base.vlm.model in params.yaml needs one of type "
            f"{', '.join(FAMILIES)}, for example llava-hf/llava-1.5-7b-hf"
        )


def see_sides(processor: "ProcessorMixin", model_type: str) -> None:
    """Let LLaVA-1.5's processor pad a picture to a square with the mean color, as its authors' code does.

    Converted checkpoints have CLIP's processor, which cuts off everything outside the middle square.
    The published config says `image_aspect_ratio: pad` (function `expand2square`). A square stays as it is.
    """
    from transformers import CLIPImageProcessor
    from transformers.models.llava import LlavaImageProcessor

    images = processor.image_processor
    if model_type in PADDED and isinstance(images, CLIPImageProcessor) and images.do_center_crop:
        processor.image_processor = LlavaImageProcessor.from_dict(images.to_dict() | {"do_pad": True})


def cuts(processor: "ProcessorMixin") -> bool:
    """Whether a loaded processor shows the model no more than the middle square of a picture."""
    images = processor.image_processor
    return bool(getattr(images, "do_center_crop", False)) and not getattr(images, "do_pad", False)


def check_interleaved(name: str, model_type: str) -> None:
    """Raise UserError for a family whose photos cannot stand among the words of a suffix (see `interleaved`).

    Elsewhere a photo has another number of tokens each time, or tokens that stand by row and column.
    """
    if model_type not in INTERLEAVED:
        raise UserError(
            f"{name} is a model of type {model_type}, and photos after a definition work for "
            f"{', '.join(INTERLEAVED)} alone: use methods without references, and placement: user"
        )


def positions(model: "PreTrainedModel", inputs: Inputs) -> Positions:
    """Say where the tokens of B equally long rows stand: see `Positions`."""
    return FAMILIES[model.config.model_type](model, inputs)
