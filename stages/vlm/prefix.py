"""Keys and values of everything before the soft prompt: owns computing them.

Causal attention makes them independent of what is learned, so they are computed once per image, without
autograd, and every step and every answer starts from them. Does not own where they are kept (`store`),
suffixes (`layout`) or forwards over them (`splice`).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from PIL import Image

from stages.core.progress import bar
from stages.vlm.memory import Room, move, to_host
from stages.vlm.store import PrefixCache

if TYPE_CHECKING:
    from stages.vlm.load import Base

# A training forward holds the prefix of each row about this many times: gathered, gathered for the next
# batch, extended by the suffix, and, in activations kept for the backward pass, as much again.
WORKING_COPIES = 4


def encode_prefixes(
    base: "Base",
    images: Sequence[Image.Image],
    batch_size: int = 32,
    *,
    room: Room | None = None,
    progress: str | None = None,
) -> PrefixCache:
    """Run the prefix ``[SYSTEM ]USER: <image>\\n`` of every image, and keep what there is room for.

    The first images are kept on the device, the next in host memory; of the rest only the pixels are, and
    their prefixes are computed whenever they are asked for.

    Args:
        base: the model.
        images: RGB; may be empty, then only the text-only prefix is there.
        batch_size: images per forward, here and later; memory for as many rows of training is left free.
        room: memory to keep prefixes in; None to measure what is free, within `base.prefix_bytes`.
        progress: title of a progress bar; None for no bar.

    """
    tokenizer = base.layout.tokenizer
    text = _encode(base, tokenizer(base.layout.prefix_text(image=False), return_tensors="pt").input_ids)[0]
    if not images:
        return PrefixCache([], [], text, 0, lambda pixels: pixels)
    ids = base.processor(
        images=[images[0]], text=[base.layout.prefix_text(image=True)], return_tensors="pt"
    ).input_ids  # (1, P)

    def compute(pixels: torch.Tensor) -> torch.Tensor:
        return _encode(base, ids.expand(len(pixels), -1), pixels)

    size = text[..., 0, :].nbytes * ids.shape[1]
    room = room or Room.measured(base.device, WORKING_COPIES * batch_size * size, base.prefix_bytes)
    near, far = room.prefixes(size)
    kept: list[torch.Tensor | None] = []
    again: list[torch.Tensor | None] = []
    starts = range(0, len(images), batch_size)
    for start in bar(starts, progress) if progress else starts:
        pixels = _pixels(base, images[start : start + batch_size])
        held = min(max(near + far - start, 0), len(pixels))
        prefixes = compute(pixels[:held]) if held else []
        kept += [kv if number < near else to_host(kv) for number, kv in enumerate(prefixes, start)]
        kept += [None] * (len(pixels) - held)
        again += [*[None] * held, *pixels[held:]]
    return PrefixCache(kept, again, text, ids.shape[1], compute)


@torch.no_grad()
def image_tokens(base: "Base", images: Sequence[Image.Image], batch_size: int = 32) -> torch.Tensor:
    """What the language model is given of n images: (n, P, D) float32 on the CPU, P image tokens each."""
    parts = []
    for start in range(0, len(images), batch_size):
        pixels = move(_pixels(base, images[start : start + batch_size]), base.device)
        parts.append(torch.stack(base.model.get_image_features(pixel_values=pixels).pooler_output))
    return torch.cat(parts).float().cpu()


def _pixels(base: "Base", images: Sequence[Image.Image]) -> torch.Tensor:
    """What the vision tower is given: (B, C, height, width) in the model's dtype on the CPU."""
    pixels = base.processor.image_processor(list(images), return_tensors="pt").pixel_values
    return pixels.to(base.model.dtype)


@torch.no_grad()
def _encode(base: "Base", input_ids: torch.Tensor, pixel_values: torch.Tensor | None = None) -> torch.Tensor:
    """Keys and values (B, L, 2, H, P, d) of equally long rows."""
    from transformers import DynamicCache

    cache = DynamicCache()
    base.model.model(
        input_ids=move(input_ids, base.device),
        attention_mask=torch.ones_like(input_ids, device=base.device),
        pixel_values=None if pixel_values is None else move(pixel_values, base.device),
        past_key_values=cache,
        use_cache=True,
    )
    return torch.stack([torch.stack([layer.keys, layer.values], 1) for layer in cache.layers], 1)
