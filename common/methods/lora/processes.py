"""Several processes that learn one adapter together, by accelerate: data parallel, or FSDP.

Owns who computes what, and tensors of which each holds a part. A process alone needs nothing of accelerate.
Does not own how they are started (`launching`), what is computed (`losses`) or how values change (`run`).
"""

import copy
import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stderr
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import nn

if TYPE_CHECKING:
    from accelerate import Accelerator

    from common import vlm

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """Those that learn together; without an accelerator, the one that runs."""

    accelerator: "Accelerator | None" = None

    @property
    def count(self) -> int:
        """How many they are."""
        return self.accelerator.num_processes if self.accelerator else 1

    @property
    def rank(self) -> int:
        """The number of this one, of which 0 writes files."""
        return self.accelerator.process_index if self.accelerator else 0

    @property
    def sharded(self) -> bool:
        """Whether each holds a part of the weights (FSDP)."""
        return self.accelerator is not None and self.accelerator.is_fsdp2

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Nothing is said of progress but by the first."""
        with redirect_stderr(io.StringIO()) if self.rank else nullcontext():
            yield

    @contextmanager
    def own(self, base: "vlm.Base") -> Iterator["vlm.Base"]:
        """The base; where its weights are to be sharded, a copy, for nothing undoes that.

        The base then waits on the CPU, so that a GPU holds parts alone.
        """
        if not self.sharded:
            yield base
            return
        device = base.device
        base.model.to("cpu")
        try:
            yield replace(base, model=copy.deepcopy(base.model))
        finally:
            base.model.to(device)

    def prepare(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> nn.Module:
        """The model whose backward adds the mean over processes to the gradients that the optimizer sees."""
        return self.accelerator.prepare(model, optimizer)[0] if self.accelerator else model

    def share(self, work: Sequence[T]) -> Iterator[tuple[T, bool]]:
        """This process's part of the work, of as many pieces as every other's, and whether each counts.

        All processes take part in every forward, so the last turn is filled up with a piece that does not.
        """
        for start in range(0, len(work), self.count):
            turn = work[start : start + self.count]
            yield turn[min(self.rank, len(turn) - 1)], self.rank < len(turn)

    def gather(self, own: T) -> list[T]:
        """What each process has, by rank."""
        if not self.accelerator:
            return [own]
        from accelerate.utils import gather_object

        return gather_object([own])

    def in_order(self, own: Sequence[T], count: int) -> list[T]:
        """The results of all `count` pieces that were shared, in the order of the work."""
        gathered = self.gather(own)
        return [gathered[number % self.count][number // self.count] for number in range(count)]

    def total(self, value: torch.Tensor) -> torch.Tensor:
        """The sum over processes."""
        return self.accelerator.reduce(value, "sum") if self.accelerator else value

    def leave(self) -> None:
        """End a process that was launched; whoever launched it says what was made."""
        if self.accelerator:
            self.accelerator.end_training()
            sys.exit()


ALONE = Processes()


def whole(value: Any) -> Any:
    """All of a tensor, of which each process may hold a part; anything else as it is."""
    return value.full_tensor() if hasattr(value, "full_tensor") else value


def part_of(value: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """This process's part of a whole tensor, where `like` is held in parts."""
    if not hasattr(like, "full_tensor"):
        return value
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(value.to(like.device), like.device_mesh, like.placements)
