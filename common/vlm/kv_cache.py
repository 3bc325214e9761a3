"""Prefixes at hand: owns where each image's keys and values are kept and batches made of them.

An image's prefix is kept on the device, in host memory (pinned where the device is a GPU) or nowhere, to be
computed again when asked for. The place changes no number, only the time a batch takes, because a prefix is
always computed alone, in one and the same forward. Does not own computing prefixes (`prefix`) or measuring
memory (`memory`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer

from common.vlm.families import Inputs
from common.vlm.memory import to_device


class Prefix(NamedTuple):
    """Everything before the soft prompt, of one image or of none.

    L layers, keys and values, H key-value heads, P positions of d values.

    Attributes:
        kv: (L, 2, H, P, d) in the model's dtype, on the device or in host memory; None if it is not kept.
        inputs: in host memory, what a prefix that is not kept is computed from; None for others.
        position_offset: how much later than at P the token after it stands (see `families`); known once kv
            is.

    """

    kv: torch.Tensor | None
    inputs: Inputs | None
    position_offset: int = 0

    @property
    def length(self) -> int:
        """P."""
        return self.inputs["input_ids"].shape[1] if self.inputs else self.states.shape[-2]

    @property
    def states(self) -> torch.Tensor:
        """kv of a prefix that is kept."""
        assert self.kv is not None, "this prefix is computed when it is asked for"
        return self.kv


@dataclass(frozen=True, eq=False)
class PrefixBatch:
    """Prefixes of B rows.

    Attributes:
        kv: (B, L, 2, H, P + extra_slots, d) in the model's dtype; what stands in the spare positions is never
            read.
        attention_mask: (B, P) int64, 0 on left padding.
        position_offset: (B, 1) int64, how much later than by its number the token after the prefix stands.
        photos: per row the image tokens (P, D) of a photo that stands in the suffix; empty if none does.

    """

    kv: torch.Tensor
    attention_mask: torch.Tensor
    position_offset: torch.Tensor
    photos: tuple[torch.Tensor | None, ...] = ()

    def cache(self) -> "PrefixKVCache":
        """Make a fresh cache over kv, without copying. One per forward: it then holds the forward's graph."""
        return PrefixKVCache(self)


class PrefixKVCache(DynamicCache):
    """A cache that begins with prefixes and knows where the tokens after them stand.

    position_offset: (B, 1) int64, as in `PrefixBatch`.
    """

    def __init__(self, prefixes: PrefixBatch) -> None:
        super().__init__()
        self.layers = [_Layer(kv, prefixes.attention_mask.shape[1]) for kv in prefixes.kv.unbind(1)]
        self.position_offset = prefixes.position_offset

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep only these rows."""
        super().batch_select_indices(indices)
        self.position_offset = self.position_offset[indices]


class _Layer(DynamicLayer):
    """A layer of the cache that begins with a prefix and grows into its spare positions while there are any.

    space: (B, 2, H, P + extra_slots, d), in which keys and values lie; None once they have outgrown it.
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
        if key_states.device != self.device:  # this layer is on another GPU than the prefixes
            self.device = key_states.device
            self._lie_in(self.space.to(self.device), length)
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

    Attributes:
        prefixes: of the n images.
        text: the one without an image, on the device.
        compute: what a prefix is computed from → the prefix, on the device.

    """

    prefixes: Sequence[Prefix]
    text: Prefix
    compute: Callable[[Inputs], Prefix]

    def __len__(self) -> int:
        """Count the images."""
        return len(self.prefixes)

    @property
    def length(self) -> int:
        """Positions of the longest prefix of an image."""
        return max((prefix.length for prefix in self.prefixes), default=0)

    def shared(self, index: int | None) -> int:
        """Positions that suffixes behind this image have in common."""
        return (self.text if index is None else self.prefixes[index]).length

    def select(self, indices: Sequence[int]) -> "PrefixCache":
        """Give only these images, in this order, without copying."""
        return PrefixCache([self.prefixes[index] for index in indices], self.text, self.compute)

    def batch(self, indices: Sequence[int | None]) -> PrefixBatch:
        """Gather prefixes; shorter ones than the longest are padded on the left and masked there."""
        return next(self.batches([indices]))

    def batches(self, order: Iterable[Sequence[int | None]], extra_slots: int = 0) -> Iterator[PrefixBatch]:
        """Gather batch after batch, the next one already while a batch is worked on.

        On a GPU, prefixes kept in host memory travel on a stream of their own meanwhile.

        Args:
            order: the images of each batch, None for a row without one.
            extra_slots: positions to leave after each prefix, for a cache that grows without being copied;
                such a cache carries no gradients.

        """
        device = self.text.states.device
        copies = torch.cuda.Stream(device) if device.type == "cuda" else None
        ready: list[PrefixBatch] = []
        for indices in order:
            _wait(copies, device)
            following = self._gather(indices, extra_slots, copies)
            yield from ready
            ready = [following]
        _wait(copies, device)
        yield from ready

    def _gather(
        self, indices: Sequence[int | None], extra_slots: int, copies: torch.cuda.Stream | None
    ) -> PrefixBatch:
        rows = self._rows(indices)
        text = self.text.states
        length = max(row.length for row in rows)
        space = text.new_empty(len(rows), *text.shape[:3], length + extra_slots, text.shape[-1])
        attention_mask = torch.ones(len(rows), length, dtype=torch.long)
        afar = []
        for row, place, shown in zip(rows, space[..., :length, :], attention_mask, strict=True):
            padding = length - row.length
            shown[:padding] = 0
            place[..., :padding, :] = 0  # never read, but no number there may be infinite
            if row.states.device == text.device:
                place[..., padding:, :] = row.states
            else:
                afar.append((place[..., padding:, :], row.states))
        if copies is not None:  # space may lie where the work queued so far still reads or writes
            copies.wait_stream(torch.cuda.current_stream(text.device))
        with torch.cuda.stream(copies):
            for target, source in afar:
                target.copy_(source, non_blocking=True)
        position_offset = torch.tensor([[row.position_offset] for row in rows])
        return PrefixBatch(
            space, to_device(attention_mask, text.device), to_device(position_offset, text.device)
        )

    def _rows(self, indices: Sequence[int | None]) -> list[Prefix]:
        """The prefixes of a batch, those that are not kept computed, each once."""
        found: dict[int | None, Prefix] = {None: self.text}
        for index in dict.fromkeys(indices):
            if index is not None:
                prefix = self.prefixes[index]
                found[index] = self.compute(prefix.inputs) if prefix.inputs else prefix
        return [found[index] for index in indices]


def _wait(copies: torch.cuda.Stream | None, device: torch.device) -> None:
    """Let the work that is queued from now on begin after the copies queued so far."""
    if copies is not None:
        torch.cuda.current_stream(device).wait_stream(copies)
