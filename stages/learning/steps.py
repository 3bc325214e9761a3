"""Steps of training: AdamW on k+1 input rows and one output row per subject, several subjects side by side.

Owns the order of samples, the forwards of a step, optimizer and schedule. Does not own the loss
(`vlm.suffix_loss`), the start of the rows, validation or the choice of the epoch (`learn`).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import torch

from stages import vlm
from stages.core.progress import bar
from stages.core.samples import Sample
from stages.core.seed import torch_stream

SCHEDULES: dict[str, Callable[[float], float]] = {  # share of the steps done → factor of the learning rate
    "constant": lambda done: 1.0,
    "cosine": lambda done: (1 + math.cos(math.pi * done)) / 2,
}


@dataclass(frozen=True)
class Recipe:
    """What params.train asks for, and the seed."""

    latent_tokens: int
    initial: str  # random | photos
    epochs: int
    learning_rate: float
    schedule: str  # a key of SCHEDULES
    weight_decay: float
    batch_size: int
    balance: bool  # only recorded here; the samples carry their weights
    seed: int
    scored_at_once: int  # samples, validation questions or pictures per forward


Turn = tuple[int, int]  # a learner and one of its samples, by number


@dataclass(frozen=True, eq=False)
class Learner:
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
        cls, base: vlm.Base, start: vlm.SoftPrompt, samples: Sequence[Sample], recipe: Recipe
    ) -> "Learner":
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
            [vlm.suffix(base, start, s.question, s.answer, image=s.image is not None) for s in samples],
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
    base: vlm.Base, learners: Sequence[Learner], prefixes: vlm.Prefixes, recipe: Recipe
) -> Iterator[tuple[Learner, torch.Tensor]]:
    """Train; after each epoch of a learner, give it and its mean loss, () float32, still on the device.

    A step takes the next batch of every learner that is not done. They share forwards, of `scored_at_once`
    samples at most, and nothing else: each has its own loss, optimizer state and schedule. Within a step
    nothing is read back from the device.
    """
    optimizer = torch.optim.AdamW(
        [{"params": [learner.prompt.embeddings, learner.prompt.output_row]} for learner in learners],
        lr=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
    )
    factor = SCHEDULES[recipe.schedule]
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, [lambda step, learner=learner: factor(step / len(learner.batches)) for learner in learners]
    )
    steps = list(zip_longest(*(learner.batches for learner in learners), fillvalue=()))
    plan = [_forwards(learners, batches, recipe.scored_at_once) for batches in steps]
    ready = prefixes.batches(
        [learners[number].samples[i].image for number, i in turns] for forwards in plan for turns in forwards
    )
    static = _static(base, learners, prefixes, plan) if vlm.capturable(base) else None
    losses = torch.zeros(len(learners), device=base.device)  # sums over the epoch
    with bar(len(steps), f"{names(learners)}: steps") as progress:
        for done, (batches, forwards) in enumerate(zip(steps, plan, strict=True), 1):
            sizes = torch.tensor([max(len(batch), 1) for batch in batches])
            optimizer.zero_grad()
            for turns in forwards:
                losses += _backward(base, learners, turns, next(ready), sizes, static)
            optimizer.step()
            schedule.step()
            progress.update()
            for number, learner in enumerate(learners):
                if done % learner.epoch == 0 and done <= len(learner.batches):
                    yield learner, losses[number] / len(learner.samples)
                    losses[number] = 0.0


def widest(learners: Sequence[Learner], recipe: Recipe) -> int:
    """Samples in the largest forward of `epochs`."""
    most = sum(min(recipe.batch_size, len(learner.samples)) for learner in learners)
    return min(most, recipe.scored_at_once)


def _forwards(
    learners: Sequence[Learner], batches: Sequence[Sequence[int]], at_once: int
) -> list[list[Turn]]:
    """Divide a step's batches, one of each learner, into equal forwards of samples that are about as long."""
    turns = [(number, i) for number, batch in enumerate(batches) for i in batch]
    turns.sort(key=lambda turn: len(learners[turn[0]].suffixes[turn[1]].ids))
    size = math.ceil(len(turns) / math.ceil(len(turns) / at_once))
    return [turns[start : start + size] for start in range(0, len(turns), size)]


def _static(
    base: vlm.Base,
    learners: Sequence[Learner],
    prefixes: vlm.PrefixCache,
    plan: Sequence[Sequence[Sequence[Turn]]],
) -> vlm.StaticForward:
    """Static memory for these forwards."""
    forwards = [turns for step in plan for turns in step]
    longest = [max(len(learners[number].suffixes[i].ids) for number, i in turns) for turns in forwards]
    return vlm.StaticForward(base, prefixes, max(map(len, forwards)), longest)


def _backward(
    base: vlm.Base,
    learners: Sequence[Learner],
    turns: Sequence[Turn],
    prefixes: vlm.PrefixBatch,
    sizes: torch.Tensor,
    static: vlm.StaticForward | None,
) -> torch.Tensor:
    """Add to the gradients, and return each learner's sum of losses in these turns, (K,) on the device.

    sizes: (K,) on the CPU, samples in each learner's batch, over which its gradient is the mean.
    """
    numbers = vlm.move(torch.tensor([number for number, _ in turns]), base.device)
    weights = vlm.move(torch.tensor([learners[number].samples[i].weight for number, i in turns]), base.device)
    each = vlm.suffix_loss(  # (B,)
        base,
        prefixes,
        [learners[number].suffixes[i] for number, i in turns],
        [learners[number].prompt for number, _ in turns],
        static,
    )
    sums = torch.zeros(len(learners), device=base.device).index_add(0, numbers, each * weights)
    (sums / vlm.move(sizes, base.device)).sum().backward()
    return sums.detach()


def names(learners: Sequence[Learner]) -> str:
    """Name them all, for a progress bar."""
    return ", ".join(learner.subject for learner in learners)
