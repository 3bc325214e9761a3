"""Keys and values of prefixes as a forward pass reads them: of one image, of a batch, and a growing cache."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer

from common.vlm.families import Inputs


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
        """Give the kv, (L, 2, H, P, d), of a prefix that is kept."""
        assert self.kv is not None, "this prefix is computed when it is asked for"
        return self.kv


@dataclass(frozen=True, eq=False)
class PrefixBatch:
    """Prefixes of B rows.

    Attributes:
        kv: (B, L, 2, H, P + extra_slots, d) in the model's dtype; the extra slots are never read.
        attention_mask: (B, P) int64, 0 on left padding.
        position_offset: (B, 1) int64, how much later than by its number the token after the prefix stands.
        photos: per row the image tokens (P, D) float32 of a photo in its suffix; empty if no row has one.

    """

    kv: torch.Tensor
    attention_mask: torch.Tensor
    position_offset: torch.Tensor
    photos: tuple[torch.Tensor | None, ...] = ()

    def cache(self) -> "PrefixKVCache":
        """Make a fresh cache over kv, without copying; one per forward pass, whose graph it then holds."""
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
        """Keep only these rows, (N,) int64 on the device."""
        super().batch_select_indices(indices)
        self.position_offset = self.position_offset[indices]


class _Layer(DynamicLayer):
    """A layer of the cache that begins with a prefix and grows into its extra slots while there are any.

    space: (B, 2, H, P + extra_slots, d), in which keys and values lie; None once they have outgrown it.
    """

    def __init__(self, space: torch.Tensor, length: int) -> None:
        super().__init__()
        self.dtype, self.device, self.is_initialized = space.dtype, space.device, True
        self._lie_in(space, length)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append (B, H, S, d) keys and values, each, in the model's dtype; return all, (B, H, P + S, d).

        With gradients, which come where there is no extra slot, they lie in new memory.
        """
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
        """Keep only these rows, (N,) int64 on the device."""
        if self.space is None:
            super().batch_select_indices(indices)
        else:
            self._lie_in(self.space[indices], self.get_seq_length())

    def _lie_in(self, space: torch.Tensor, length: int) -> None:
        self.space: torch.Tensor | None = space
        self.keys, self.values = space[..., :length, :].unbind(1)
