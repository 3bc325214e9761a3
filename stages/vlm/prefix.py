"""Keys and values of everything before the soft prompt: owns computing, keeping and batching them.

Causal attention makes them independent of what is learned, so they are computed once per image, without
autograd, and every step and every answer starts from them. Does not own suffixes (`layout`) or forwards over
them (`splice`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from PIL import Image

from stages.core.progress import bar

if TYPE_CHECKING:
    from transformers import DynamicCache

    from stages.vlm.load import Base


@dataclass(frozen=True, eq=False)
class PrefixBatch:
    """Prefixes of B rows: kv (B, L, 2, H, P, d) in the model's dtype; mask (B, P), 0 on left padding."""

    kv: torch.Tensor
    mask: torch.Tensor

    def cache(self) -> "DynamicCache":
        """Make a fresh cache. One per forward with gradients: a used one holds the last graph."""
        from transformers import DynamicCache

        cache = DynamicCache()
        for layer, kv in enumerate(self.kv.unbind(1)):
            cache.update(kv[:, 0], kv[:, 1], layer)
        return cache


@dataclass(frozen=True, eq=False)
class PrefixCache:
    """Prefixes of n images, and the one without an image, which is addressed as None.

    Attributes:
        images: (n, L, 2, H, P, d); L layers, keys and values, H key-value heads, P positions.
        text: (1, L, 2, H, T, d).

    """

    images: torch.Tensor
    text: torch.Tensor

    def __len__(self) -> int:
        """Count the images."""
        return len(self.images)

    def select(self, indices: Sequence[int]) -> "PrefixCache":
        """Keep only these images, in this order."""
        return PrefixCache(self.images[list(indices)], self.text)

    def batch(self, indices: Sequence[int | None]) -> PrefixBatch:
        """Gather prefixes; rows without an image are padded on the left and masked there."""
        text_length = self.text.shape[-2]
        if all(index is None for index in indices):
            kv = self.text.expand(len(indices), *self.text.shape[1:])
            return PrefixBatch(kv, torch.ones(len(indices), text_length, dtype=torch.long, device=kv.device))
        kv = self.images[[index or 0 for index in indices]]
        length = kv.shape[-2]
        mask = torch.ones(len(indices), length, dtype=torch.long, device=kv.device)
        without = [row for row, index in enumerate(indices) if index is None]
        if without:
            kv[without] = F.pad(self.text, (0, 0, length - text_length, 0))
            mask[without, : length - text_length] = 0
        return PrefixBatch(kv, mask)


@torch.no_grad()
def encode_prefixes(
    base: "Base", images: Sequence[Image.Image], batch_size: int = 32, *, progress: str | None = None
) -> PrefixCache:
    """Run the prefix ``[SYSTEM ]USER: <image>\\n`` of every image once.

    Args:
        base: the model.
        images: RGB; may be empty, then only the text-only prefix is there.
        batch_size: images per forward.
        progress: title of a progress bar; None for no bar.

    """
    text = base.layout.tokenizer(base.layout.prefix_text(image=False), return_tensors="pt").input_ids
    text_kv = _encode(base, input_ids=text)
    if not images:
        return PrefixCache(text_kv[:0], text_kv)
    parts = []
    starts = range(0, len(images), batch_size)
    for start in bar(starts, progress) if progress else starts:
        chunk = list(images[start : start + batch_size])
        inputs = base.processor(
            images=chunk, text=[base.layout.prefix_text(image=True)] * len(chunk), return_tensors="pt"
        )
        parts.append(_encode(base, input_ids=inputs["input_ids"], pixel_values=inputs["pixel_values"]))
    return PrefixCache(torch.cat(parts), text_kv)


@torch.no_grad()
def image_tokens(base: "Base", images: Sequence[Image.Image], batch_size: int = 32) -> torch.Tensor:
    """What the language model is given of n images: (n, P, D) float32 on the CPU, P image tokens each."""
    parts = []
    for start in range(0, len(images), batch_size):
        pixels = base.processor.image_processor(
            list(images[start : start + batch_size]), return_tensors="pt"
        ).pixel_values.to(base.device, base.model.dtype)
        parts.append(torch.stack(base.model.get_image_features(pixel_values=pixels).pooler_output))
    return torch.cat(parts).float().cpu()


def _encode(base: "Base", input_ids: torch.Tensor, pixel_values: torch.Tensor | None = None) -> torch.Tensor:
    """Keys and values (B, L, 2, H, P, d) of equally long rows."""
    from transformers import DynamicCache

    cache = DynamicCache()
    base.model.model(
        input_ids=input_ids.to(base.device),
        attention_mask=torch.ones_like(input_ids, device=base.device),
        pixel_values=None if pixel_values is None else pixel_values.to(base.device, base.model.dtype),
        past_key_values=cache,
        use_cache=True,
    )
    return torch.stack([torch.stack([layer.keys, layer.values], 1) for layer in cache.layers], 1)
