"""Training's forward pass on static memory, on a GPU captured as CUDA graphs.

Behind a kept prefix a step is so short that a GPU waits for its thousands of launches. Suffixes are padded to
one of two lengths and everything is copied to the same memory for each step, so that the language model's
forward and backward pass can be captured once for each length and replayed.
"""

import math
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from common.vlm.forward import run
from common.vlm.kv_cache import PrefixBatch
from common.vlm.packing import PADDING, SHARED
from common.vlm.prefix_cache import PrefixCache

if TYPE_CHECKING:
    from common.vlm.load import Base

# In the model's dtype, embeddings (B, S, D) and kv (B, L, 2, H, P, d); int64, segment ids (B, P + S) and
# position_offset (B, 1).
Static = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]
Forward = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def capturable(base: "Base") -> bool:
    """Whether forward passes can be captured: unquantized weights on one GPU, and no photos in suffixes."""
    places = set(getattr(base.model, "hf_device_map", {}).values())
    quantized = getattr(base.model, "is_quantized", False)
    in_suffix = base.layout.photo_in_suffix
    return base.device.type == "cuda" and len(places) <= 1 and not quantized and not in_suffix


class StaticForward:
    """The language model over suffixes behind prefixes, always on the same memory.

    On a GPU a CUDA graph is replayed for each length; elsewhere, or where capture fails, the same function
    runs on the same buffers. Results of one call are overwritten by the next: go backward before it.
    """

    def __init__(self, base: "Base", prefixes: PrefixCache, rows: int, longest: Sequence[int]) -> None:
        """Take the memory and capture.

        Args:
            base: the model.
            prefixes: of which those of the rows are.
            rows: most rows of a forward pass; fewer are filled up.
            longest: of each forward pass to come, the length of its longest suffix.

        """
        # Lengths of suffixes lie close together; where they do not, the shorter half is padded to less.
        most = _rounded(max(longest))
        self._lengths = sorted({most, _rounded(most // 2)})
        *shape, _, size = prefixes.text.states.shape
        before = max(prefixes.length, prefixes.text.length)
        kv = prefixes.text.states.new_zeros(rows, *shape, before, size)
        position_offset = torch.zeros(rows, 1, dtype=torch.long, device=kv.device)
        self._static: dict[int, Static] = {}
        for length in sorted({self.length(each) for each in longest}, reverse=True):
            given = kv.new_zeros(rows, length, base.hidden_size)
            mask = torch.full((rows, before + length), SHARED, device=kv.device)
            self._static[length] = given.requires_grad_(), kv, mask, position_offset
        self._forwards = _captured(base, self._static)

    def length(self, longest: int) -> int:
        """To how many positions suffixes are padded of which the longest has so many."""
        return next(length for length in self._lengths if length >= longest)

    def __call__(self, embeddings: torch.Tensor, prefixes: PrefixBatch, mask: torch.Tensor) -> torch.Tensor:
        """Compute the last hidden states (B, S, D), in the model's dtype; gradients flow to the embeddings.

        Args:
            embeddings: (B, S, D) in the model's dtype; S is one that `length` gave.
            prefixes: of the B rows, without extra slots.
            mask: (B, S) int64 over the suffix, as `packing` has it.

        """
        count, length = mask.shape
        _, kv, seen, position_offset = self._static[length]
        before = kv.shape[-2]
        padding = before - prefixes.attention_mask.shape[1]
        # What an earlier step left in padding and in rows that this one lacks is finite and not read.
        kv[:count, ..., padding:, :].copy_(prefixes.kv)
        seen[:count, :padding] = PADDING
        seen[:count, padding:before] = prefixes.attention_mask
        seen[:count, before:] = mask
        position_offset[:count] = prefixes.position_offset
        rows = F.pad(embeddings, (0, 0, 0, 0, 0, len(kv) - count)) if count < len(kv) else embeddings
        return self._forwards[length](rows, kv, seen, position_offset)[:count]


def _captured(base: "Base", static: dict[int, Static]) -> dict[int, Forward]:
    """Capture a CUDA graph of the forward and backward pass for each length, the longest first."""

    def forward(
        embeddings: torch.Tensor, kv: torch.Tensor, mask: torch.Tensor, position_offset: torch.Tensor
    ) -> torch.Tensor:
        return run(base, embeddings, PrefixBatch(kv, mask[:, : kv.shape[-2]], position_offset).cache(), mask)

    plain: dict[int, Forward] = dict.fromkeys(static, forward)
    if not capturable(base):
        return plain
    # One pool of memory: of two lengths, never is one's backward pass still to come when the other begins.
    pool = torch.cuda.graph_pool_handle()
    try:
        return {  # ty: ignore[invalid-explicit-return]  (given one function, it gives one)
            length: torch.cuda.make_graphed_callables(forward, buffers, pool=pool)
            for length, buffers in static.items()
        }
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[0]
        warnings.warn(
            f"training steps are not captured as CUDA graphs and take longer: {reason}",
            RuntimeWarning,
            stacklevel=2,
        )
        return plain


def _rounded(length: int) -> int:
    return math.ceil(length / 8) * 8
