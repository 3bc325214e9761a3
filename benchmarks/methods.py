"""python -m benchmarks.methods: the seconds that a subject and an answer take, by method.

The soft prompt and every section under `methods` in params.yaml learn one subject of the pipeline's data, and
answer what `evaluate` asks about it, in alternating runs. The models are loaded before; all else that a
method does counts, from reading the dataset to writing what it learned, which goes to a folder of its own. A
method that learns all subjects together is timed with one: to add one to many, it learns all again.
"""

import contextlib
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import measure, models, report
from common import methods, vlm
from common.clip import Clip
from common.core import errors, io, params, paths, seed
from common.methods.interface import Backbones, MethodSubject, Responder
from common.testdata.ground_truth import load_questions
from common.training import samples
from common.training.learn import learn
from common.training.recipe import TrainingRecipe
from stages.evaluate.benchmarks.multiple_choice import MultipleChoiceBenchmark
from stages.evaluate.benchmarks.recognition import RecognitionBenchmark
from stages.evaluate.eval_set import EvalSet
from stages.evaluate.photos import gallery

ROUNDS = 5  # at most
ENOUGH = 300.0  # seconds after which no other round begins


class Times(NamedTuple):
    """Seconds of one round: to learn the subject, and for an answer, on average."""

    subject: float
    answer: float


def compare(p: params.Params, rounds: int = ROUNDS, enough: float = ENOUGH) -> dict[str, Any]:
    """Time all methods on the first subject of params.yaml; the folder must hold the pipeline's data."""
    subject, entry = next(iter(p.subjects.items()))
    clip = Clip(p.base.clip.model, p.base.clip.revision, p.base.device.type)
    with _scratch():
        questions = {subject: load_questions(subject, entry.source)}
        eval_set = EvalSet(questions, gallery({subject: entry.source}), {}, {}, p.evaluate, p.seed)
        asked = {name: Asks(name, eval_set) for name in (paths.SOFT_PROMPT, *p.methods)}
        runs = {}
        for name, requests in asked.items():
            base = vlm.load(**p.base.load_kwargs)  # one for each: a method may change it
            backbones = Backbones(lambda base=base: base, lambda: clip, p.seed, p.base.device.batch_size)
            runs[name] = partial(
                _round, p, backbones, MethodSubject(subject, entry.kind, entry.noun), requests
            )
        *_, taken = measure.alternate(runs, rounds, enough)
    return {
        "subject": subject,
        "methods": {
            name: {"answers": asked[name].count}
            | _spread("subject", [times.subject for times in rounds_of])
            | _spread("answer", [times.answer for times in rounds_of])
            for name, rounds_of in taken.items()
        },
    }


class Asks:
    """What `evaluate` asks a method about one subject: recognition of all photos, and the questions."""

    def __init__(self, name: str, eval_set: EvalSet) -> None:
        self.name, self.count = name, 0
        self._recognition, self._questions = RecognitionBenchmark(eval_set), MultipleChoiceBenchmark(eval_set)

    def answer(self, responder: Responder) -> None:
        """Ask everything, of the method alone without controls."""
        rows = self._recognition.build_requests(responder) + self._questions.build_requests(responder)
        requests = [request for _, request in rows if request.method == self.name]
        self.count = len(responder.answers(self._recognition.photos, requests))


def _round(p: params.Params, backbones: Backbones, subject: MethodSubject, requests: Asks) -> Times:
    """Learn and answer once."""
    seed.seed_everything(p.seed, p.threads)
    device = backbones.base().device
    if requests.name == paths.SOFT_PROMPT:
        learned = measure.seconds(device, lambda: _learn(p, backbones, subject.id))
    else:
        method = methods.prepare(requests.name, p.methods, backbones)
        learned = measure.seconds(device, lambda: method.fit([subject]))
    responder = methods.fitted(requests.name, p.methods, backbones, [subject.id])
    answered = measure.seconds(device, lambda: requests.answer(responder))
    return Times(learned, answered / requests.count)


def _learn(p: params.Params, backbones: Backbones, subject: str) -> None:
    """As `train` does."""
    rows = samples.read_rows(paths.dataset(subject), **p.train.data.model_dump())
    recipe = TrainingRecipe(
        seed=p.seed,
        micro_batch_size=p.base.device.batch_size,
        **p.train.model_dump(exclude={"data", "keep_epochs"}),
    )
    held_out = samples.held_out_sources(rows, p.train.held_out, p.seed, subject)
    training_sets = {subject: samples.TrainingSet.of(rows, p.train.balance, held_out)}
    learned = learn(backbones.base(), training_sets, recipe)[subject]
    learned.best.save(paths.subject_model(subject))
    io.write_csv(paths.train_curve(subject), learned.curve)


@contextlib.contextmanager
def _scratch() -> Iterator[None]:
    """A folder with the pipeline's data and base models, but without what was learned, as the current one."""
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as made:
        (Path(made) / "models").mkdir()
        for name in (paths.DATA, paths.BASE, paths.PARAMS):
            if (here / name).exists():
                (Path(made) / name).symlink_to(here / name)
        with contextlib.chdir(made):
            yield


def _spread(name: str, seconds: Sequence[float]) -> dict[str, Any]:
    ends = [round(min(seconds), 5), round(max(seconds), 5)]
    return {f"{name}_seconds": round(statistics.median(seconds), 5), f"{name}_seconds_range": ends}


def table(numbers: dict[str, Any]) -> str:
    """Methods as rows."""
    lines = [f"{'':24}{'s per subject':>14}{'lowest':>9}{'highest':>9}{'ms per answer':>14}{'answers':>9}"]
    for name, of in numbers["methods"].items():
        low, high = of["subject_seconds_range"]
        lines.append(
            f"{name:24}{of['subject_seconds']:14.2f}{low:9.2f}{high:9.2f}"
            f"{1000 * of['answer_seconds']:14.2f}{of['answers']:9}"
        )
    return "\n".join(lines)


def main() -> str:
    """Measure, write the numbers, and print the table."""
    p = params.load()
    base = models.open_model(models.SMALL)
    numbers = compare(p)
    print(table(numbers))
    return str(report.write("methods", base, models.SMALL, numbers))


if __name__ == "__main__":
    errors.run(main)
