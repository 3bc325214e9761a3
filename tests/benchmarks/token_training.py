"""python -m tests.benchmarks.token_training [--model NAME]: seconds, memory and FLOPs of learning a subject.

Our engine (a subject alone, several at once, batches) against the published loop and against PEFT's trainable
tokens. Of ours a whole epoch is timed, of the others some steps and validation answers in the order of that
epoch; both are scaled to the whole training. That all learn the same is measured first.
"""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

import torch

from stages import vlm
from stages.core import errors
from stages.train.samples import Lesson
from tests.benchmarks import compare, data, measure, models, ours, report
from tests.benchmarks.alternative import Alternative
from tests.benchmarks.compare import Result
from tests.benchmarks.data import Cost, Work
from tests.benchmarks.measure import Count
from tests.benchmarks.plain import Loop, Prepared, grown
from tests.benchmarks.reference import Reference

ENOUGH = 150.0  # seconds after which no other round begins
SEVERAL, BATCH = 4, 16  # subjects at once; samples in a batch
STEPS, SCORED = 24, 32  # timed of the loops that are not ours
COMPARED = 8  # samples, or one more, whose gradients are compared; as many steps, after which the rows are
COUNTED = 24  # every so many-th sample is run for the count of FLOPs, which takes long
CURVE = [(subjects, 8) for subjects in (1, 2, 4, 8)] + [(1, one_in) for one_in in (4, 2, 1)]

Measure: TypeAlias = Callable[[Callable[[], object]], Any]  # a call's seconds, or its Count
System: TypeAlias = Callable[[vlm.Base, Mapping[str, Lesson], Measure], Cost]


def engine(base: vlm.Base, lessons: Mapping[str, Lesson], of: Measure, batch_size: int = 1) -> Cost:
    """Ours, for all these subjects at once: an epoch."""
    training = ours.Training(base, lessons, batch_size)
    images, steps, answers = of(training.encode), of(training.steps), of(training.validate)

    def each(total: Any, of_lesson: Callable[[Lesson], int]) -> Any:
        return total * (1 / sum(map(of_lesson, lessons.values())))

    return Cost(
        each(images, lambda lesson: len(lesson.images)),
        each(steps, lambda lesson: len(lesson.training)),
        each(answers, lambda lesson: len(lesson.validation)),
        batch_size,
        math.ceil(len(next(iter(lessons.values())).training) / batch_size),
    )


def loop(
    base: vlm.Base, lessons: Mapping[str, Lesson], of: Measure, make: type[Loop], batch_size: int = 1
) -> Cost:
    """Another system, which knows one subject only: some steps and some validation."""
    subject, lesson = next(iter(lessons.items()))
    prompt = ours.start(base, subject)
    prepared = Prepared.of(base, prompt, lesson)
    order = ours.order(subject, len(lesson.training))
    batches = [order[at : at + batch_size] for at in range(0, len(order), batch_size)]
    timed, scored = batches[1 : 1 + STEPS], range(min(SCORED, len(lesson.validation)))
    made: list[Loop] = []
    with grown(base, [prompt]):
        images = of(lambda: made.append(make(base, prepared)))
        try:
            made[0].step(batches[0])  # the optimizer's state is made here, once
            steps = of(lambda: [made[0].step(batch) for batch in timed])
        except torch.OutOfMemoryError:
            made.clear()
        else:
            answers = of(lambda: made[0].says_yes(scored))
            return Cost(
                images * (1 / len(lesson.images)),
                steps * (1 / sum(map(len, timed))),
                answers * (1 / len(scored)),
                batch_size,
                len(timed),
            )
    return loop(base, lessons, of, make, batch_size // 2)


SYSTEMS: dict[str, tuple[System, int]] = {  # name → system, and its subjects
    "ours": (engine, 1),
    "ours_several": (engine, SEVERAL),
    "ours_batched": (partial(engine, batch_size=BATCH), 1),
    "reference": (partial(loop, make=Reference), 1),
    "alternative_single": (partial(loop, make=Alternative), 1),
    "alternative": (partial(loop, make=Alternative, batch_size=BATCH), 1),
}
PAIRS = (  # name of the ratio, slower, faster
    ("", "reference", "ours"),
    ("_several", "reference", "ours_several"),
    ("_batched", "reference", "ours_batched"),
    ("_alternative_single", "alternative_single", "ours"),  # identical updates
    ("_alternative", "alternative", "ours_batched"),  # identical updates of batches
)


def exactness(base: vlm.Base, subject: str, lesson: Lesson) -> dict[str, float]:
    """How far ours and the alternative are from the reference: gradients, and rows after some steps.

    Errors of gradients are relative to the gradient, those of rows to how far they have moved.
    """
    few = data.share(lesson, len(lesson.training) // COMPARED)
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


def run(base: vlm.Base, work: Work, name: str) -> Result:
    """Time a system on as many of the subjects as it takes; the result is one subject's."""
    system, subjects = SYSTEMS[name]
    timer = partial(measure.seconds, base.device)
    cost, peak = measure.peak_bytes(base.device, lambda: system(base, work.of(subjects).lessons, timer))
    _, lesson = work.first()
    steps = work.epochs * math.ceil(len(lesson.training) / cost.batch_size)
    return Result(cost.whole(lesson, work.epochs), steps, cost.steps_timed, peak)


def alone(model: str, name: str) -> Result:
    """The same in a process of its own."""
    return run(models.open_model(model), data.work(model, SYSTEMS[name][1]), name)


def counted(base: vlm.Base, work: Work, name: str) -> Count:
    """What a system runs for one subject."""
    system, subjects = SYSTEMS[name]
    part = work.of(subjects).share(COUNTED)
    return system(base, part.lessons, partial(measure.count, base)).whole(work.first()[1], work.epochs)


def point(base: vlm.Base, work: Work) -> dict[str, float]:
    """Ours for all subjects of the work: seconds of the whole training, and peak memory."""
    timer = partial(measure.seconds, base.device)
    cost, peak = measure.peak_bytes(base.device, lambda: engine(base, work.lessons, timer))
    return {
        "subjects": len(work.lessons),
        "images": sum(len(lesson.images) for lesson in work.lessons.values()),
        "seconds": round(sum(cost.whole(lesson, work.epochs) for lesson in work.lessons.values()), 3),
        "peak_bytes": peak,
    }


def point_alone(model: str, subjects: int, one_in: int) -> dict[str, float]:
    """The same in a process of its own."""
    return point(models.open_model(model), data.work(model, subjects).share(one_in))


def curve(base: vlm.Base, model: str) -> list[dict[str, float]]:
    """Ours for more and more subjects, then for more and more images of one."""
    if base.device.type == "cpu":
        return [measure.isolated(partial(point_alone, model, *of)) for of in CURVE]
    return [point(base, data.work(model, subjects).share(one_in)) for subjects, one_in in CURVE]


def main(*words: str) -> str:
    """Measure, write the numbers, and print the table."""
    model = report.chosen_model(words)
    subject, lesson = data.work(model, 1).first()
    exact = models.open_exact(model)
    errors_found = exactness(exact, subject, lesson)
    if model != models.SMALL:
        del exact
        base = models.open_model(model)
        errors_found["in_bfloat16"] = exactness(base, subject, lesson)
    else:
        base = exact
    work = data.work(model, SEVERAL)
    systems = compare.compare(
        base,
        {
            name: compare.System(
                partial(run, base, work, name),
                partial(counted, base, work, name),
                partial(alone, model, name),
            )
            for name in SYSTEMS
        },
        ENOUGH,
    )
    found = compare.standard(systems, PAIRS) | errors_found | {"curve": curve(base, model)}
    target = report.write("token_training", base, model, found)
    print(report.table(f"{subject}: {work.epochs} epochs of {len(lesson.training)} samples", found))
    return f"{target}"


if __name__ == "__main__":
    errors.run(main)
