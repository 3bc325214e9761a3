"""python -m tests.benchmarks.token_training [--model NAME]: seconds, memory and FLOPs of learning a subject.

Our engine (a subject alone, several at once, batches) against the published loop and against PEFT's trainable
tokens. Ours runs whole epochs of `train`; of the others some steps and validation answers are timed, in the
order of the first epoch, and scaled to the whole training (`steps_timed` of `steps`). That all of them learn
the same is measured first.
"""

import math
import statistics
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

import torch

from stages import vlm
from stages.core import errors
from stages.train.samples import Lesson
from tests.benchmarks import data, measure, models, ours, report
from tests.benchmarks.alternative import Alternative
from tests.benchmarks.measure import Cost
from tests.benchmarks.plain import Loop, Prepared, grown
from tests.benchmarks.reference import Reference

ROUNDS = 5
SEVERAL, BATCH = 4, 16  # subjects at once; samples in a batch
STEPS, SCORED = 24, 32  # timed of the loops that are not ours
FOLLOWED = 8  # steps after which rows are compared

Measure: TypeAlias = Callable[[Callable[[], object]], Any]  # a call's seconds, or its Count
System: TypeAlias = Callable[[vlm.Base, Mapping[str, Lesson], Measure], Cost]


def engine(base: vlm.Base, lessons: Mapping[str, Lesson], of: Measure, batch_size: int = 1) -> Cost:
    """Ours: an epoch of `train`, for all these subjects; the cost is one subject's."""
    share = 1 / len(lessons)
    once = of(lambda: [ours.encode(base, lesson.images) for lesson in lessons.values()])
    all_of_it = of(lambda: ours.train(base, lessons, epochs=1, batch_size=batch_size))
    return Cost(once * share, (all_of_it + once * -1) * share)


def loop(
    base: vlm.Base, lessons: Mapping[str, Lesson], of: Measure, make: type[Loop], batch_size: int = 1
) -> Cost:
    """Another system: some steps and some validation of the first subject, scaled to an epoch."""
    subject, lesson = next(iter(lessons.items()))
    prompt = ours.start(base, subject)
    prepared = Prepared.of(base, prompt, lesson)
    order = ours.order(subject, len(lesson.training))
    batches = [order[at : at + batch_size] for at in range(0, len(order), batch_size)]
    made: list[Loop] = []
    with grown(base, [prompt]):
        once = of(lambda: made.append(make(base, prepared)))
        made[0].step(batches[0])  # the optimizer's state is made here, once
        timed = batches[1 : 1 + STEPS]
        steps = of(lambda: [made[0].step(batch) for batch in timed])
        scored = range(min(SCORED, len(lesson.validation)))
        answers = of(lambda: made[0].says_yes(scored))
    each = steps * (len(batches) / len(timed)) + answers * (len(lesson.validation) / len(scored))
    return Cost(once, each)


SYSTEMS: dict[str, tuple[System, int]] = {  # name → system, and its subjects
    "ours": (engine, 1),
    "ours_several": (engine, SEVERAL),
    "ours_batched": (partial(engine, batch_size=BATCH), 1),
    "reference": (partial(loop, make=Reference), 1),
    "alternative_single": (partial(loop, make=Alternative), 1),
    "alternative": (partial(loop, make=Alternative, batch_size=BATCH), 1),
}


def exactness(base: vlm.Base, subject: str, lesson: Lesson) -> dict[str, float]:
    """How far ours and the alternative are from the reference: gradients, and rows after some steps.

    Errors of gradients are relative to the gradient, those of rows to how far they have moved.
    """
    few = data.few(lesson, FOLLOWED)
    prompt, everything = ours.start(base, subject), range(FOLLOWED)
    prepared = Prepared.of(base, prompt, few)
    own = [ours.gradients(base, prompt, few, [i]) for i in everything]
    own_batch = ours.gradients(base, prompt, few, everything)
    trained = ours.train(base, {subject: few}, epochs=1, batch_size=1)[subject]
    with grown(base, [prompt]):
        reference = Reference(base, prepared)
        expected = [reference.gradients([i]) for i in everything]
        for i in ours.order(subject, FOLLOWED):
            reference.step([i])
        moved = reference.rows()
    with grown(base, [prompt]):
        batch = Alternative(base, prepared).gradients(everything)
    mean = [torch.stack(rows).mean(0) for rows in zip(*expected, strict=True)]
    begun = [rows.to(base.device) for rows in (prompt.embeddings, prompt.output_row)]
    steps = [[now - rows for now, rows in zip(those, begun, strict=True)] for those in (_rows(base, trained), moved)]
    return {
        "max_relative_gradient_error": max(map(_error, own, expected)),
        "relative_gradient_error_batch": _error(own_batch, mean),
        "relative_gradient_error_alternative": _error(batch, mean),
        "relative_error_after_steps": _error(*steps),
    }


def _rows(base: vlm.Base, prompt: vlm.SoftPrompt) -> list[torch.Tensor]:
    return [rows.to(base.device) for rows in (prompt.embeddings, prompt.output_row)]


def _error(actual: list[torch.Tensor], expected: list[torch.Tensor]) -> float:
    """Of the input rows or of the output row, the larger one."""
    return max(map(measure.relative_error, actual, expected))


def run(name: str, base: vlm.Base, work: data.Work, of: Measure) -> Cost:
    """Cost of a system on this work, for one subject."""
    system, subjects = SYSTEMS[name]
    return system(base, work.of(subjects).lessons, of)


def memory(model: str, name: str, subjects: int, images: int | None = None) -> dict[str, float]:
    """One run in itself: seconds of the whole training, all its subjects together, and peak memory."""
    base = models.open_model(model)
    return point(base, data.work(model, subjects), name, images)
