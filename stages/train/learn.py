"""The training loop: AdamW on k+1 input rows and one output row per subject, every prefix computed once.

Owns steps, validation and the choice of the epoch. Does not own the loss (`vlm.suffix_loss`), the rows' files
(`vlm.SoftPrompt`) or which samples there are (`samples`). A killed run starts again from nothing: no file is
written before the end, and the whole takes minutes.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from typing import Any

import torch

from stages import vlm
from stages.core.errors import UserError
from stages.core.progress import bar
from stages.core.seed import torch_stream
from stages.train.samples import Lesson, Sample, pooled

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


Learned = tuple[vlm.SoftPrompt, list[dict[str, Any]]]  # of the best epoch; the curve, one row per epoch
Turn = tuple[int, int]  # a learner and one of its samples, by number


def learn(base: vlm.Base, lessons: Mapping[str, Lesson], recipe: Recipe) -> dict[str, Learned]:
    """Train subjects (id → lesson) side by side; each learns what it would learn alone.

    The best epoch is, as in the paper, the one with the highest mean of the shares of positives and of
    negatives told rightly on the validation samples; of equal ones, the latest.

    Raises UserError when a loss is no longer finite.
    """
    lessons = pooled(lessons)
    best = {subject: _start(base, subject, lesson, recipe) for subject, lesson in lessons.items()}
    curves: dict[str, list[dict[str, Any]]] = {subject: [] for subject in lessons}
    learners = [
        Learner.of(base, best[subject], lesson.training, recipe) for subject, lesson in lessons.items()
    ]
    images = next(iter(lessons.values())).images  # of all lessons
    prefixes = vlm.encode_prefixes(
        base, images, recipe.scored_at_once, progress=f"{_names(learners)}: images"
    )
    for learner, loss in epochs(base, learners, prefixes, recipe):
        prompt, curve = learner.snapshot(), curves[learner.subject]
        if not math.isfinite(loss.item()):
            raise UserError(
                f"training {learner.subject} diverged in epoch {len(curve) + 1}: lower train.learning_rate"
            )
        validation = lessons[learner.subject].validation
        scores = validate(base, prompt, validation, prefixes, recipe.scored_at_once)
        curve.append({"epoch": len(curve) + 1, "loss": round(loss.item(), 6), **scores})
        if scores["weighted"] == max(row["weighted"] for row in curve):
            best[learner.subject] = prompt
            prompt.info["validation"] = curve[-1]
    for learner in learners:
        prompt = best[learner.subject]
        prompt.info.update(
            base={
                "model": base.name,
                "dtype": str(base.model.dtype).removeprefix("torch."),
                "fingerprint": base.fingerprint,
            },
            layout=_layout(base, prompt),
            training=asdict(recipe) | {"samples": len(learner.samples), "steps": len(learner.batches)},
        )
    return {subject: (best[subject], curves[subject]) for subject in lessons}


def _start(base: vlm.Base, subject: str, lesson: Lesson, recipe: Recipe) -> vlm.SoftPrompt:
    """The rows before training."""
    start = vlm.SoftPrompt.initial(
        base, subject, recipe.latent_tokens, torch_stream(recipe.seed, "train", subject, "rows")
    )
    if recipe.initial == "photos":
        start = start.seeing(*(_image_tokens(base, lesson, label, recipe) for label in (True, False)))
    return start


def _image_tokens(base: vlm.Base, lesson: Lesson, label: bool, recipe: Recipe) -> torch.Tensor:
    """Image tokens of the validation pictures, which are the unchanged ones, with this label."""
    chosen = [lesson.images[sample.image] for sample in lesson.validation if sample.label is label]
    return vlm.image_tokens(base, chosen, recipe.scored_at_once)


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
        rows = (
            values.to(base.device, copy=True).requires_grad_()
            for values in (start.embeddings, start.output_row)
        )
        shuffle = torch_stream(recipe.seed, "train", start.subject, "order")
        orders = [
            torch.randperm(len(samples), generator=shuffle).split(recipe.batch_size)
            for _ in range(recipe.epochs)
        ]
        return cls(
            vlm.SoftPrompt(start.subject, *rows),
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
        rows = (values.detach().cpu().clone() for values in (self.prompt.embeddings, self.prompt.output_row))
        return vlm.SoftPrompt(self.subject, *rows)


def epochs(
    base: vlm.Base, learners: Sequence[Learner], prefixes: vlm.PrefixCache, recipe: Recipe
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
    losses = torch.zeros(len(learners), device=base.device)  # sums over the epoch
    with bar(len(steps), f"{_names(learners)}: steps") as progress:
        for done, (batches, forwards) in enumerate(zip(steps, plan, strict=True), 1):
            sizes = torch.tensor([max(len(batch), 1) for batch in batches])
            optimizer.zero_grad()
            for turns in forwards:
                losses += _backward(base, learners, turns, next(ready), sizes)
            optimizer.step()
            schedule.step()
            progress.update()
            for number, learner in enumerate(learners):
                if done % learner.epoch == 0 and done <= len(learner.batches):
                    yield learner, losses[number] / len(learner.samples)
                    losses[number] = 0.0


def _forwards(
    learners: Sequence[Learner], batches: Sequence[Sequence[int]], at_once: int
) -> list[list[Turn]]:
    """Divide a step's batches, one of each learner, into equal forwards of samples that are about as long."""
    turns = [(number, i) for number, batch in enumerate(batches) for i in batch]
    turns.sort(key=lambda turn: len(learners[turn[0]].suffixes[turn[1]].ids))
    size = math.ceil(len(turns) / math.ceil(len(turns) / at_once))
    return [turns[start : start + size] for start in range(0, len(turns), size)]


def _backward(
    base: vlm.Base,
    learners: Sequence[Learner],
    turns: Sequence[Turn],
    prefixes: vlm.PrefixBatch,
    sizes: torch.Tensor,
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
    )
    sums = torch.zeros(len(learners), device=base.device).index_add(0, numbers, each * weights)
    (sums / vlm.move(sizes, base.device)).sum().backward()
    return sums.detach()


def _names(learners: Sequence[Learner]) -> str:
    return ", ".join(learner.subject for learner in learners)


def validate(
    base: vlm.Base,
    prompt: vlm.SoftPrompt,
    samples: Sequence[Sample],
    prefixes: vlm.PrefixCache,
    batch_size: int,
) -> dict[str, float]:
    """Shares of positives and of negatives told rightly, and their mean, "weighted".

    Told rightly means that of Yes and No the right one is more probable as the first word: one forward.
    """
    queries = [vlm.Query(sample.question, sample.image, prompt) for sample in samples]
    answers = vlm.answer(base, queries, prefixes, max_new_tokens=1, batch_size=batch_size)
    right: dict[bool, list[bool]] = {True: [], False: []}
    for sample, answer in zip(samples, answers, strict=True):
        yes, no = answer.probabilities
        right[sample.label].append((yes > no) == sample.label)
    positive, negative = (sum(hits) / len(hits) for hits in (right[True], right[False]))
    scores = {"positive": positive, "negative": negative, "weighted": (positive + negative) / 2}
    return {name: round(value, 6) for name, value in scores.items()}


def _layout(base: vlm.Base, prompt: vlm.SoftPrompt) -> dict[str, str]:
    """The wording around the rows, for readers of the JSON."""
    definition = prompt.text(prompt.token, "<latent>")
    rest = f"{definition} {{question}}{base.layout.cue} {{answer}}{base.tokenizer.eos_token}"
    return {
        "with an image": base.layout.image_prefix + rest,
        "text only": base.layout.text_prefix + base.layout.lead + rest,
    }
