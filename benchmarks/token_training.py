"""python -m benchmarks.token_training [--model NAME]: seconds, memory and FLOPs of learning a subject.

Our engine (a subject alone, several at once, batches) against the published loop and against PEFT's trainable
tokens. Of ours a whole epoch is timed, of the others some steps and validation answers in the order of that
epoch; both are scaled to the whole training. That all learn the same is measured first.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from benchmarks import data, measure, ours
from benchmarks.alternative import Alternative
from benchmarks.compare import Benchmark, Measure, Taken
from benchmarks.plain import Loop, Prepared, grown
from benchmarks.reference import Reference
from common import vlm
from common.core import errors
from common.training.samples import TrainingSet

SEVERAL, BATCH = 4, 16  # subjects at once; samples in a batch
STEPS, SCORED = 24, 32  # timed of the loops that are not ours
COMPARED = 8  # samples, or one more, whose gradients are compared; after as many steps, the rows


@dataclass(frozen=True)
class Cost:
    """What one of each takes: an image, a sample trained on, an answer for validation; and what begins it."""

    image: Any
    sample: Any
    answer: Any
    beginning: Any

    def whole(self, training_set: TrainingSet, epochs: int) -> Any:
        """A training: beginning and images once, samples and answers in every epoch."""
        epoch = self.sample * len(training_set.training) + self.answer * len(training_set.validation)
        return self.beginning + self.image * len(training_set.images) + epoch * epochs


def engine(
    base: vlm.Base, model: str, of: Measure, one_in: int, subjects: int = 1, batch_size: int = 1
) -> Taken:
    """Ours, an epoch for all these subjects at once; what it takes for one.

    A part of the pictures gets as small a part of the room, so that no larger share of them is kept at hand.
    """
    work = data.work(model, subjects)
    part = work.share(one_in)
    training = ours.Training(base, part.training_sets, batch_size, share=part.pictures / work.pictures)
    training_sets = part.training_sets.values()
    images, first = of(training.encode), of(training.steps, training.uncaptured_steps)
    steps = of(training.steps, training.uncaptured_steps) if training.captured else first
    cost = Cost(
        images * (1 / sum(len(training_set.images) for training_set in training_sets)),
        steps * (1 / sum(len(training_set.training) for training_set in training_sets)),
        of(training.validate) * (1 / sum(len(training_set.validation) for training_set in training_sets)),
        beginning=(first + steps * -1) * (1 / subjects),
    )
    (_, whole), (_, run) = work.first(), part.first()
    steps = math.ceil(len(whole.training) / batch_size) * work.epochs
    return Taken(cost.whole(whole, work.epochs), steps, math.ceil(len(run.training) / batch_size))


def loop(
    base: vlm.Base, model: str, of: Measure, one_in: int, make: type[Loop], batch_size: int = 1
) -> Taken:
    """Another system: some steps and some validation. Batches that find no room are halved."""
    work = data.work(model, 1)
    subject, whole = work.first()
    _, training_set = work.share(one_in).first()
    prompt = ours.start(base, subject)
    prepared = Prepared.of(base, prompt, training_set)
    order = ours.order(subject, len(training_set.training))
    batches = [order[at : at + batch_size] for at in range(0, len(order), batch_size)]
    timed, scored = batches[:STEPS], range(min(SCORED, len(training_set.validation)))
    made: list[Loop] = []
    with grown(base, [prompt]):
        images = of(lambda: made.append(make(base, prepared)))
        try:
            made[0].step(batches[0])  # makes the optimizer's state, once
            steps = of(lambda: [made[0].step(batch) for batch in timed])
        except torch.OutOfMemoryError:
            made.clear()
        else:
            cost = Cost(
                images * (1 / len(training_set.images)),
                steps * (1 / sum(map(len, timed))),
                of(lambda: made[0].says_yes(scored)) * (1 / len(scored)),
                beginning=steps * 0,
            )
            steps_of_all = math.ceil(len(whole.training) / batch_size) * work.epochs
            return Taken(cost.whole(whole, work.epochs), steps_of_all, len(timed))
    return loop(base, model, of, one_in, make, batch_size // 2)


def exactness(base: vlm.Base, model: str) -> dict[str, float | None]:
    """How far ours and the alternative are from the reference: gradients, and rows after some steps.

    Errors of gradients are relative to the gradient, those of rows to how far they have moved.
    """
    subject, training_set = data.work(model, 1).first()
    few = data.share(training_set, len(training_set.training) // COMPARED)
    prompt, everything = ours.start(base, subject), range(len(few.training))
    prepared = Prepared.of(base, prompt, few)
    own = [ours.gradients(base, prompt, few, [i]) for i in everything]
    own_batch = ours.gradients(base, prompt, few, everything)
    trained = ours.train(base, subject, few)
    with grown(base, [prompt]):
        reference = Reference(base, prepared)
        expected = [reference.gradients([i]) for i in everything]
        for i in ours.order(subject, len(few.training)):
            reference.step([i])
        followed = reference.rows()
    with grown(base, [prompt]):
        batch = Alternative(base, prepared).gradients(everything)
    mean = [torch.stack(rows).mean(0) for rows in zip(*expected, strict=True)]
    return {
        "max_relative_gradient_error": max(map(_error, own, expected)),
        "relative_gradient_error_batch": _error(own_batch, mean),
        "relative_gradient_error_alternative": _error(batch, mean),
        "relative_error_of_rows_after_steps": _error(
            _moved(prompt, [trained.embeddings, trained.output_row]), _moved(prompt, followed)
        ),
    }


def _moved(start: vlm.SoftPrompt, rows: list[torch.Tensor]) -> list[torch.Tensor]:
    return [
        now.cpu() - before for now, before in zip(rows, (start.embeddings, start.output_row), strict=True)
    ]


def _error(actual: list[torch.Tensor], expected: list[torch.Tensor]) -> float:
    """Of the input rows or of the output row, the larger one."""
    return max(map(measure.relative_error, actual, expected))


BENCHMARK = Benchmark(
    name="token_training",
    title="Learning one subject (seconds of the whole, by the steps timed)",
    systems={
        "ours": engine,
        "ours_several": partial(engine, subjects=SEVERAL),
        "ours_batched": partial(engine, batch_size=BATCH),
        "reference": partial(loop, make=Reference),
        "alternative_single": partial(loop, make=Alternative),
        "alternative": partial(loop, make=Alternative, batch_size=BATCH),
    },
    ratios={
        "": ("reference", "ours"),
        "_several": ("reference", "ours_several"),
        "_batched": ("reference", "ours_batched"),
        "_alternative_single": ("alternative_single", "ours"),  # identical updates
        "_alternative": ("alternative", "ours_batched"),  # identical updates of batches
    },
    exactness=exactness,
    counted=24,
    timed=8,
    enough=120.0,
)


def main(*words: str) -> str:
    """Measure learning."""
    return BENCHMARK.main(words)


if __name__ == "__main__":
    errors.run(main)
