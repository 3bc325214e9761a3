"""The epochs of one adapter's training, and where they stand: a killed one goes on with the same bits.

Owns optimizer, schedule, steps, and which epoch is kept. Does not own the loss of a step or what an epoch is
judged by (`learn`), or the file of that state (`training.checkpoint`).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._pytree import tree_map
from transformers import get_cosine_schedule_with_warmup

from common.core.progress import bar
from common.methods.lora.adapter import Learned, Values
from common.methods.lora.early_stop import best_epoch
from common.methods.lora.processes import ALONE, Processes, part_of, whole
from common.methods.lora.sequences import Example
from common.training.curves import Curves

if TYPE_CHECKING:
    from common.methods.lora.settings import LoraSettings

Backward = Callable[[Sequence[Example]], torch.Tensor]  # a batch → the sum of its losses, () float32


class AdapterRun:
    """Training of one adapter, from an epoch to the last.

    Attributes:
        curve: a row for each epoch that was judged.
        values: after the best of them, the latest of equal ones.
        optimizer: its values are all that is learned.

    """

    def __init__(
        self,
        adapter: Learned,
        epochs: Sequence[Sequence[Sequence[Example]]],
        settings: "LoraSettings",
        backward: Backward,
        *,
        name: str,
        curves: Curves,
        processes: Processes = ALONE,
    ) -> None:
        """Begin before the first of the epochs, which are batches; `backward` adds a batch's gradient."""
        self.curve: list[dict[str, Any]] = []
        self.values: Values = {}
        self._adapter, self._epochs, self._settings = adapter, epochs, settings
        self._backward, self._name, self._curves, self._processes = backward, name, curves, processes
        self.optimizer, self._schedule = _optimizer(adapter, settings, sum(map(len, epochs)))

    @property
    def best(self) -> dict[str, Any]:
        """The row of the epoch that is kept."""
        return best_epoch(self.curve)

    @property
    def _learned(self) -> list[torch.Tensor]:
        return [value for group in self.optimizer.param_groups for value in group["params"]]

    @property
    def ended(self) -> bool:
        """Whether the last epoch was judged, or none has been better for as many as early_stop allows."""
        stop, done = self._settings.early_stop, len(self.curve)
        return done == len(self._epochs) or bool(done and stop and done - self.best["epoch"] >= stop.patience)

    def epochs(self) -> Iterator[float]:
        """Train; after each epoch give its mean loss, and expect to be told how it did (`judge`)."""
        with bar(sum(map(len, self._epochs)), f"{self._name}: steps") as progress:
            progress.update(sum(map(len, self._epochs[: len(self.curve)])))
            while not self.ended:
                total, batches = torch.zeros(()), self._epochs[len(self.curve)]
                for batch in batches:
                    total = total + self._step(batch)
                    progress.update()
                yield total.item() / sum(map(len, batches))

    def judge(self, row: dict[str, Any]) -> None:
        """Add an epoch to the curve, and keep its values if it is the best."""
        self.curve.append({"epoch": len(self.curve) + 1, **row})
        if self.curve[-1] is self.best:
            self.values = self._adapter.snapshot()

    def state(self) -> dict[str, Any]:
        """Everything that the next epochs depend on; of one that has ended, what it came to."""
        state = {"curve": self.curve, "values": self.values}
        if self.ended:
            return state
        return state | {
            "learned": [whole(value.detach()) for value in self._learned],
            "optimizer": tree_map(whole, self.optimizer.state_dict()),
            "schedule": self._schedule.state_dict(),
            "random": self._processes.gather(_random_states()),
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Stand where the run stood that gave this state."""
        self.curve, self.values = state["curve"], state["values"]
        if self.ended:
            return
        with torch.no_grad():
            for value, saved in zip(self._learned, state["learned"], strict=True):
                value.copy_(part_of(saved, value))
        self.optimizer.load_state_dict(state["optimizer"])
        for value, moments in self.optimizer.state.items():
            for name, moment in moments.items():
                if moment.shape == value.shape:
                    moments[name] = part_of(moment, value)
        self._schedule.load_state_dict(state["schedule"])
        random = state["random"][self._processes.rank]
        torch.set_rng_state(random[0])
        torch.cuda.set_rng_state_all(random[1:])

    def _step(self, batch: Sequence[Example]) -> torch.Tensor:
        losses = self._backward(batch)
        norm = torch.nn.utils.clip_grad_norm_(self._learned, self._settings.max_grad_norm)
        self.optimizer.step()
        self._schedule.step()
        self.optimizer.zero_grad()
        shown = {"loss": losses / len(batch), "gradient_norm": whole(norm)}
        self._curves.add("step", self._schedule.last_epoch, shown)
        return losses


def _random_states() -> list[torch.Tensor]:
    """Of the CPU, then of every GPU: what dropout draws next."""
    return [torch.get_rng_state(), *torch.cuda.get_rng_state_all()]


def _optimizer(
    adapter: Learned, settings: "LoraSettings", steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    groups = [{"params": adapter.values, "lr": settings.learning_rate}]
    if adapter.projector_values:
        groups.append({"params": adapter.projector_values, "lr": settings.projector_learning_rate})
    optimizer = torch.optim.AdamW(groups, weight_decay=settings.weight_decay)
    warmup = math.ceil(settings.warmup * steps)
    return optimizer, get_cosine_schedule_with_warmup(optimizer, warmup, steps)
