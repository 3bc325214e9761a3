"""Steps of training: AdamW on k+1 input rows and one output row per subject, several subjects side by side.

Owns the order of samples, the forwards of a step and the optimizer. Does not own the settings (`recipe`), the
loss (`vlm.suffix_loss`), the start of the rows, validation or the choice of the epoch (`learn`).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import torch

from common import vlm
from common.core.progress import bar
from common.core.seed import torch_stream
from common.training.recipe import SCHEDULES, TrainingRecipe
from common.training.samples import Sample

SampleRef = tuple[int, int]  # a learner and one of its samples, by number


@dataclass(frozen=True, eq=False)
class SubjectTrainer:
    """One subject in training.

    Attributes:
        prompt: its rows on the model's device, which the optimizer changes in place.
        samples: what it is trained on.
        suffixes: of the samples.
        batches: indices of the samples of each step, of all epochs.
        epoch: steps in one.

    """

    prompt: vlm.SoftPrompt
    samples: Sequence[Sample]
    suffixes: Sequence[vlm.Suffix]
    batches: Sequence[Sequence[int]]
    epoch: int

    @classmethod
    def of(
        cls, base: vlm.Base, start: vlm.SoftPrompt, samples: Sequence[Sample], recipe: TrainingRecipe
    ) -> "SubjectTrainer":
        """Copy the start, and draw the order of the samples."""
        embeddings, output_row = (
            values.to(base.device, copy=True).requires_grad_()
            for values in (start.embeddings, start.output_row)
        )
        shuffle = torch_stream(recipe.seed, "train", start.subject, "order")
        orders = [
            torch.randperm(len(samples), generator=shuffle).split(recipe.batch_size)
            for _ in range(recipe.epochs)
        ]
        return cls(
            vlm.SoftPrompt(start.subject, embeddings, output_row),
            samples,
            [
                vlm.suffix(
                    base,
                    start,
                    s.question,
                    s.answer,
                    image=s.image is not None,
                    end_token=recipe.end_token,
                )
                for s in samples
            ],
            [batch.tolist() for order in orders for batch in order],
            len(orders[0]),
        )

    @property
    def subject(self) -> str:
        """The id."""
        return self.prompt.subject

    def snapshot(self) -> vlm.SoftPrompt:
        """Copy the rows as they are now to the CPU."""
        embeddings, output_row = (
            values.detach().cpu().clone() for values in (self.prompt.embeddings, self.prompt.output_row)
        )
        return vlm.SoftPrompt(self.subject, embeddings, output_row)


def epochs(
    base: vlm.Base, trainers: Sequence[SubjectTrainer], prefixes: vlm.Prefixes, recipe: TrainingRecipe
) -> Iterator[tuple[SubjectTrainer, torch.Tensor]]:
    """Train; after each epoch of a learner, give it and its mean loss, () float32, still on the device.

    A step takes the next batch of every learner that is not done. They share forwards, of `micro_batch_size`
    samples at most, and nothing else: each has its own loss, optimizer state and schedule. Within a step
    nothing is read back from the device.
    """
    optimizer = torch.optim.AdamW(
        [{"params": [trainer.prompt.embeddings, trainer.prompt.output_row]} for trainer in trainers],
        lr=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
    )
    factor = SCHEDULES[recipe.schedule]
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, [lambda step, trainer=trainer: factor(step / len(trainer.batches)) for trainer in trainers]
    )
    steps = list(zip_longest(*(trainer.batches for trainer in trainers), fillvalue=()))
    plan = [_micro_batches(trainers, batches, recipe.micro_batch_size) for batches in steps]
    ready = prefixes.batches(
        [trainers[number].samples[i].image for number, i in refs] for forwards in plan for refs in forwards
    )
    static = None
    if vlm.capturable(base) and isinstance(prefixes, vlm.PrefixCache):
        static = _static(base, trainers, prefixes, plan)
    losses = torch.zeros(len(trainers), device=base.device)  # sums over the epoch
    with bar(len(steps), f"{names(trainers)}: steps") as progress:
        for done, (batches, forwards) in enumerate(zip(steps, plan, strict=True), 1):
            sizes = torch.tensor([max(len(batch), 1) for batch in batches])
            optimizer.zero_grad()
            for refs in forwards:
                losses += _backward(base, trainers, refs, next(ready), sizes, static)
            optimizer.step()
            schedule.step()
            progress.update()
            for number, trainer in enumerate(trainers):
                if done % trainer.epoch == 0 and done <= len(trainer.batches):
                    yield trainer, losses[number] / len(trainer.samples)
                    losses[number] = 0.0


def widest(trainers: Sequence[SubjectTrainer], recipe: TrainingRecipe) -> int:
    """Samples in the largest forward of `epochs`."""
    most = sum(min(recipe.batch_size, len(trainer.samples)) for trainer in trainers)
    return min(most, recipe.micro_batch_size)


def _micro_batches(
    trainers: Sequence[SubjectTrainer], batches: Sequence[Sequence[int]], micro_batch_size: int
) -> list[list[SampleRef]]:
    """Divide a step's batches, one of each learner, into equal forwards of samples that are about as long."""
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
    """Static memory for these forwards."""
    forwards = [refs for step in plan for refs in step]
    longest = [max(len(trainers[number].suffixes[i].ids) for number, i in refs) for refs in forwards]
    return vlm.StaticForward(base, prefixes, max(map(len, forwards)), longest)


def _backward(
    base: vlm.Base,
    trainers: Sequence[SubjectTrainer],
    refs: Sequence[SampleRef],
    prefixes: vlm.PrefixBatch,
    sizes: torch.Tensor,
    static: vlm.StaticForward | None,
) -> torch.Tensor:
    """Add to the gradients, and return each learner's sum of losses in these turns, (K,) on the device.

    sizes: (K,) on the CPU, samples in each learner's batch, over which its gradient is the mean.
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


def names(trainers: Sequence[SubjectTrainer]) -> str:
    """Name them all, for a progress bar."""
    return ", ".join(trainer.subject for trainer in trainers)
