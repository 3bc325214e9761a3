"""Prefixes at hand: owns where each image's keys and values are kept and batches made of them.

An image's prefix is kept on the device, in host memory (pinned where the device is a GPU) or nowhere, to be
computed again when asked for. The place changes no number, only the time a batch takes. Does not own
computing prefixes (`prefix`) or measuring memory (`memory`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from transformers.cache_utils import DynamicCache, DynamicLayer

from stages.vlm.memory import move


@dataclass(frozen=True, eq=False)
class PrefixBatch:
    """Prefixes of B rows.

    Attributes:
        kv: (B, L, 2, H, P + spare, d) in the model's dtype; what stands in the spare positions is never read.
        mask: (B, P) int64, 0 on left padding.

    """

    kv: torch.Tensor
    mask: torch.Tensor

    def cache(self) -> DynamicCache:
        """Make a fresh cache over kv, without copying. One per forward: it then holds the forward's graph."""
        cache = DynamicCache()
        cache.layers = [_Layer(kv, self.mask.shape[1]) for kv in self.kv.unbind(1)]
        return cache


class _Layer(DynamicLayer):
    """A layer of the cache that begins with a prefix and grows into its spare positions while there are any.

    space: (B, 2, H, P + spare, d), in which keys and values lie; None once they have outgrown it.
    """

    def __init__(self, space: torch.Tensor, length: int) -> None:
        super().__init__()
        self.dtype, self.device, self.is_initialized = space.dtype, space.device, True
        self._lie_in(space, length)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append keys and values; with gradients, which come where no position is spare, in new memory."""
        length = self.get_seq_length()
        longer = length + key_states.shape[-2]
        if self.space is None or longer > self.space.shape[-2]:
            self.space = None
            return super().update(key_states, value_states, *args, **kwargs)
        for place, states in zip(self.space.unbind(1), (key_states, value_states), strict=True):
            place[..., length:longer, :] = states
        self._lie_in(self.space, longer)
        return self.keys, self.values

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep only these rows."""
        if self.space is None:
            super().batch_select_indices(indices)
        else:
            self._lie_in(self.space[indices], self.get_seq_length())

    def _lie_in(self, space: torch.Tensor, length: int) -> None:
        self.space: torch.Tensor | None = space
        self.keys, self.values = space[..., :length, :].unbind(1)


@dataclass(frozen=True, eq=False)
class PrefixCache:
    """Prefixes of n images, and the one without an image, which is addressed as None.

    L layers, keys and values, H key-value heads, P positions of d values.

    Attributes:
        kept: n tensors (L, 2, H, P, d) in the model's dtype, on the device or in host memory; None for an
            image whose prefix is computed when asked for.
        pixels: n tensors (C, height, width) in host memory, of the images that are not kept; None for others.
        text: (L, 2, H, T, d) on the device.
        length: P.
        compute: pixels (B, C, height, width) → prefixes (B, L, 2, H, P, d) on the device.

    """

    kept: Sequence[torch.Tensor | None]
    pixels: Sequence[torch.Tensor | None]
    text: torch.Tensor
    length: int
    compute: Callable[[torch.Tensor], torch.Tensor]

    def __len__(self) -> int:
        """Count the images."""
        return len(self.kept)

    def select(self, indices: Sequence[int]) -> "PrefixCache":
        """Give only these images, in this order, without copying."""
        kept, pixels = ([those[index] for index in indices] for those in (self.kept, self.pixels))
        return PrefixCache(kept, pixels, self.text, self.length, self.compute)

    def batch(self, indices: Sequence[int | None]) -> PrefixBatch:
        """Gather prefixes; rows without an image are padded on the left and masked there."""
        return next(self.batches([indices]))

    def batches(self, order: Iterable[Sequence[int | None]], spare: int = 0) -> Iterator[PrefixBatch]:
        """Gather batch after batch, the next one already while a batch is worked on.

        On a GPU, prefixes kept in host memory travel on a stream of their own meanwhile.

        Args:
            order: the images of each batch, None for a row without one.
            spare: positions to leave after each prefix, for a cache that grows without being copied; such a
                cache carries no gradients.

        """
        copies = torch.cuda.Stream(self.text.device) if self.text.is_cuda else None
        ready: list[PrefixBatch] = []
        for indices in order:
            _wait(copies, self.text.device)
            following = self._gather(indices, spare, copies)
            yield from ready
            ready = [following]
        _wait(copies, self.text.device)
        yield from ready

    def _gather(
        self, indices: Sequence[int | None], spare: int, copies: torch.cuda.Stream | None
    ) -> PrefixBatch:
        device, short = self.text.device, self.text.shape[-2]
        length = short if all(index is None for index in indices) else self.length
        space = self.text.new_empty(len(indices), *self.text.shape[:3], length + spare, self.text.shape[-1])
        kv = space[..., :length, :]
        mask = torch.ones(len(indices), length, dtype=torch.long)
        computed = self._computed({index for index in indices if index is not None})
        afar = []
        for row, index in enumerate(indices):
            if index is None:
                kv[row] = F.pad(self.text, (0, 0, length - short, 0))
                mask[row, : length - short] = 0
                continue
            source = computed[index] if index in computed else self.kept[index]
            if source.device == device:
                kv[row] = source
            else:
                afar.append((kv[row], source))
        if copies is not None:  # kv may lie where the work queued so far still reads or writes
            copies.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(copies):
            for target, source in afar:
                target.copy_(source, non_blocking=True)
        return PrefixBatch(space, move(mask, device))

    def _computed(self, indices: set[int]) -> dict[int, torch.Tensor]:
        """Prefixes of those among these images that are not kept."""
        lacking = sorted(index for index in indices if self.kept[index] is None)
        if not lacking:
            return {}
        pixels = torch.stack([self.pixels[index] for index in lacking])
        return dict(zip(lacking, self.compute(pixels), strict=True))


def _wait(copies: torch.cuda.Stream | None, device: torch.device) -> None:
    """Let the work that is queued from now on begin after the copies queued so far."""
    if copies is not None:
        torch.cuda.current_stream(device).wait_stream(copies)
