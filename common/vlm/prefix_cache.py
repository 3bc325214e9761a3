"""Prefixes at hand: where each image's keys and values are kept, and batches made of them.

An image's prefix is kept on the device, in host memory (pinned where the device is a GPU) or nowhere, to be
computed again when asked for. The place changes no number, only the time a batch takes, because a prefix is
always computed alone, in one and the same forward pass.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch

from common.vlm.families import Inputs
from common.vlm.kv_cache import Prefix, PrefixBatch
from common.vlm.memory import to_device


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
        rows: dict[int | None, Prefix] = {None: self.text}
        for index in dict.fromkeys(indices):
            if index is not None:
                prefix = self.prefixes[index]
                rows[index] = self.compute(prefix.inputs) if prefix.inputs else prefix
        return [rows[index] for index in indices]


def _wait(copies: torch.cuda.Stream | None, device: torch.device) -> None:
    """Let the work that is queued from now on begin after the copies queued so far."""
    if copies is not None:
        torch.cuda.current_stream(device).wait_stream(copies)
