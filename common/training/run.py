"""Steps of training: AdamW on k+1 input rows and one output row per subject, several subjects side by side.

Where they stand can be saved and restored, so that a training goes on where a killed one was (`checkpoint`).
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Any

import torch

from common import vlm
from common.core.progress import bar
from common.training.recipe import SCHEDULES, TrainingRecipe
from common.training.steps import SubjectTrainer, subject_names

SampleRef = tuple[int, int]  # a trainer and one of its samples, by number
Ended = list[tuple[SubjectTrainer, torch.Tensor]]  # with the mean loss of its epoch, () float32 on the device


class TrainingRun:
    """Training of some subjects, from a step to the end.

    Attributes:
        trainers: the subjects' rows in training.
        done: steps so far; a step takes the next batch of every trainer that has one left.

    """

    def __init__(
        self,
        base: vlm.Base,
        trainers: Sequence[SubjectTrainer],
        prefixes: vlm.Prefixes,
        recipe: TrainingRecipe,
    ) -> None:
        """Begin before the first step."""
        self.trainers, self.done = trainers, 0
        self._base, self._prefixes, self._size = base, prefixes, recipe.micro_batch_size
        self._steps = list(zip_longest(*(trainer.batches for trainer in trainers), fillvalue=()))
        self._losses = torch.zeros(len(trainers), device=base.device)  # sums over the epoch
        self._optimizer = torch.optim.AdamW(
            [{"params": [trainer.prompt.embeddings, trainer.prompt.output_row]} for trainer in trainers],
            lr=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
        )
        factor = SCHEDULES[recipe.schedule]
        self._schedule = torch.optim.lr_scheduler.LambdaLR(
            self._optimizer,
            [lambda step, trainer=trainer: factor(step / len(trainer.batches)) for trainer in trainers],
        )

    @property
    def ended(self) -> bool:
        """Whether the last step is done."""
        return self.done == len(self._steps)

    def state(self) -> dict[str, Any]:
        """Return everything that the next steps depend on; the tensors are those in use, not copies."""
        return {
            "done": self.done,
            "losses": self._losses,
            "rows": [
                (trainer.prompt.embeddings.detach(), trainer.prompt.output_row.detach())
                for trainer in self.trainers
            ],
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Go to where the run stood whose `state` this is."""
        self.done = state["done"]
        with torch.no_grad():
            self._losses.copy_(state["losses"])
            for trainer, (embeddings, output_row) in zip(self.trainers, state["rows"], strict=True):
                trainer.prompt.embeddings.copy_(embeddings)
                trainer.prompt.output_row.copy_(output_row)
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])

    def epochs(self) -> Iterator[Ended]:
        """Train; after each step that ends an epoch of some trainers, yield these.

        Trainers share forward passes, of `micro_batch_size` samples at most, and nothing else: each has its
        own loss, optimizer state and schedule. Within a step nothing is read back from the device.
        """
        plan = [_micro_batches(self.trainers, batches, self._size) for batches in self._steps]
        ready = self._prefixes.batches(
            [self.trainers[number].samples[i].image for number, i in refs]
            for micro_batches in plan[self.done :]
            for refs in micro_batches
        )
        static = None
        if vlm.capturable(self._base) and isinstance(self._prefixes, vlm.PrefixCache):
            static = _static(self._base, self.trainers, self._prefixes, plan)
        with bar(len(self._steps), f"{subject_names(self.trainers)}: steps") as progress:
            progress.update(self.done)
            while not self.ended:
                batches = self._steps[self.done]
                self._step(batches, ((refs, next(ready)) for refs in plan[self.done]), static)
                progress.update()
                if ended := self._end_epochs():
                    yield ended

    def _step(
        self,
        batches: Sequence[Sequence[int]],
        micro_batches: Iterable[tuple[Sequence[SampleRef], vlm.PrefixBatch]],
        static: vlm.StaticForward | None,
    ) -> None:
        sizes = torch.tensor([max(len(batch), 1) for batch in batches])
        self._optimizer.zero_grad()
        sums = []
        for refs, prefixes in micro_batches:
            sums.append(_backward(self._base, self.trainers, refs, prefixes, sizes, static))
            self._losses += sums[-1]
        self._optimizer.step()
        self._schedule.step()
        self.done += 1
        for number, (trainer, batch) in enumerate(zip(self.trainers, batches, strict=True)):
            if trainer.curves and batch:
                loss = sum(each[number] for each in sums) / len(batch)
                trainer.curves.add("step", self.done, {"loss": loss} | trainer.norms())

    def _end_epochs(self) -> Ended:
        """Those whose epoch this step ended, and begin their next one."""
        ended: Ended = []
        for number, trainer in enumerate(self.trainers):
            if self.done % trainer.epoch == 0 and self.done <= len(trainer.batches):
                ended.append((trainer, self._losses[number] / len(trainer.samples)))
                self._losses[number] = 0.0
        return ended


def _micro_batches(
    trainers: Sequence[SubjectTrainer], batches: Sequence[Sequence[int]], micro_batch_size: int
) -> list[list[SampleRef]]:
    """Divide a step's batches, one of each trainer, into equal forward passes of samples about as long."""
    refs = [(number, i) for number, batch in enumerate(batches) for i in batch]
    refs.sort(key=lambda ref: len(trainers[ref[0]].suffixes[ref[1]].ids))
    size = math.ceil(len(refs) / math.ceil(len(refs) / micro_batch_size))
    return [refs[start : start + size] for start in range(0, len(refs), size)]


def _static(
    base: vlm.Base,
    trainers: Sequence[SubjectTrainer],
    prefixes: vlm.PrefixCache,
    plan: Sequence[Sequence[Sequence[SampleRef]]],
) -> vlm.StaticForward:
    """Take static memory for these forward passes."""
    micro_batches = [refs for step in plan for refs in step]
    longest = [max(len(trainers[number].suffixes[i].ids) for number, i in refs) for refs in micro_batches]
    return vlm.StaticForward(base, prefixes, max(map(len, micro_batches)), longest)


def _backward(
    base: vlm.Base,
    trainers: Sequence[SubjectTrainer],
    refs: Sequence[SampleRef],
    prefixes: vlm.PrefixBatch,
    sizes: torch.Tensor,
    static: vlm.StaticForward | None,
) -> torch.Tensor:
    """Add to the gradients, and return each trainer's sum of weighted losses over these samples.

    Args:
        base: the model.
        trainers: K of them.
        refs: the B samples of this forward pass.
        prefixes: of the B samples.
        sizes: (K,) int64 on the CPU, samples in each trainer's batch, over which its gradient is the mean.
        static: runs the model on static memory; None for memory of its own.

    Returns:
        (K,) float32 on the device, without a graph.

    """
    numbers = vlm.to_device(torch.tensor([number for number, _ in refs]), base.device)
    weights = vlm.to_device(
        torch.tensor([trainers[number].samples[i].weight for number, i in refs]), base.device
    )
    each = vlm.suffix_loss(  # (B,)
        base,
        prefixes,
        [trainers[number].suffixes[i] for number, i in refs],
        [trainers[number].prompt for number, _ in refs],
        static,
    )
    sums = torch.zeros(len(trainers), device=base.device).index_add(0, numbers, each * weights)
    (sums / vlm.to_device(sizes, base.device)).sum().backward()
    return sums.detach()
