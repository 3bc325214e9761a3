"""What one call measures on a GPU, in this order: exactness, training, evaluation, synthesis, diagnostics.

Each model is made once. The systems are those of the benchmarks themselves, on a part of the data and scaled
to the whole. A benchmark's file is written anew after every run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from benchmarks import evaluation, gpu_diagnostics, models, report, synthesis, token_training
from benchmarks.compare import Benchmark, Comparison, Numbers
from benchmarks.gpu_call import Call
from common import vlm

BENCHMARKS = (token_training.BENCHMARK, evaluation.BENCHMARK, synthesis.BENCHMARK)
ROUNDS = 2
SPARE = 1.2  # times what a run took, the next one may take
# Seconds that may pass, of the 13B on an H100, by arithmetic: a run; the first, counted one may take as many.
NEEDS = {
    "token_training": {
        "ours": 25,
        "reference": 10,
        "alternative_single": 8,
        "ours_batched": 20,
        "alternative": 25,
        "ours_several": 35,
    },
    "evaluation": {"ours": 12, "reference": 5, "alternative": 10, "ours_single": 8},
    "synthesis": {"ours": 12, "alternative": 10, "reference": 15},
}
EXACT, MADE = 20, 40  # exactness of one benchmark; the weights of a model drawn


@dataclass(frozen=True)
class Scale:
    """How much is measured.

    Attributes:
        models: names, and their share of the seconds that the largest needs.
        timed: by benchmark, every so many-th sample is timed.
        counted: by benchmark, every so many-th sample is counted.

    """

    models: Mapping[str, float]
    timed: Mapping[str, int]
    counted: Mapping[str, int]


GPU = Scale(
    {"llava-1.5-13b": 1.0, "llava-1.5-7b": 0.6},
    timed={"token_training": 8, "evaluation": 1, "synthesis": 1},
    counted={"token_training": 24, "evaluation": 4, "synthesis": 4},
)
REHEARSAL = Scale(  # on a CPU, in seconds
    {"llava-1.5-13b-tiny": 1.0, "llava-1.5-7b-tiny": 0.6},
    timed={"token_training": 40, "evaluation": 8, "synthesis": 4},
    counted={"token_training": 80, "evaluation": 16, "synthesis": 4},
)


class Record:
    """A benchmark of a model: its file, which grows with every run."""

    def __init__(self, call: Call, base: vlm.Base, model: str, benchmark: Benchmark, scale: Scale) -> None:
        self.benchmark, self.exact = benchmark, Numbers()
        self._call, self._base, self._model = call, base, model
        self._comparison = Comparison(base, model, benchmark.systems)
        self._timed, self._counted = scale.timed[benchmark.name], scale.counted[benchmark.name]
        self._needs = {name: scale.models[model] * of for name, of in NEEDS[benchmark.name].items()}

    def turn(self, number: int) -> None:
        """Run every system once; before the first time, count what it runs. What cannot be counted is not."""
        self._comparison.rate()
        for name, needs in self._needs.items():
            part = f"{self._model}: {self.benchmark.name}: {name}"
            if name not in self._comparison.counts:
                self._call.take(
                    f"{part}, counted", needs, partial(self._comparison.count, name, self._counted)
                )
            if name not in self._comparison.counts:
                continue
            part = f"{part}, round {number + 1}"
            timer = self._call.take(part, needs, partial(self._comparison.run, name, self._timed))
            if timer:
                calls = [
                    {key: round(value, 4) for key, value in each._asdict().items()} for each in timer.calls
                ]
                self._call.note(part, calls=calls)
                self._needs[name] = SPARE * self._call.parts[part]["seconds"]
                self.write()

    def rounding(self) -> None:
        """Add differences between the systems' numbers where each rounds to bfloat16."""
        self.exact |= self.benchmark.rounded(self._base, self._model)
        self.write()

    def write(self) -> None:
        """Write what is known."""
        report.write(self.benchmark.name, self._base, self._model, self.found(), self._call.out)

    def found(self) -> Numbers:
        """Give what is known."""
        return self.benchmark.summary(self.exact, self._comparison.numbers())


def measure(call: Call, model: str, scale: Scale) -> None:
    """Measure all of a model."""
    share = scale.models[model]
    exact = exactness(call, model, share * EXACT)
    base = call.take(f"{model}: made", share * MADE, partial(models.open_model, model))
    if base is None:
        return
    records = [Record(call, base, model, benchmark, scale) for benchmark in BENCHMARKS]
    for record in records:
        record.exact |= exact[record.benchmark.name]
    for number in range(ROUNDS):
        for record in records:
            record.turn(number)
    for record in records:
        call.take(f"{model}: {record.benchmark.name}: rounding", share * EXACT, record.rounding)
        print(report.table(f"{model}: {record.benchmark.title}", record.found()), flush=True)
    gpu_diagnostics.take(call, base, model, share, scale.timed["token_training"])


def exactness(call: Call, model: str, needs: float) -> dict[str, Numbers]:
    """Prove in float32, on two layers, that all systems give the same numbers: by benchmark, their errors."""
    base = call.take(f"{model}: two layers made", needs, partial(models.open_exact, model))
    errors_of = {benchmark.name: Numbers() for benchmark in BENCHMARKS}
    for benchmark in BENCHMARKS if base else ():
        part = f"{model}: {benchmark.name}: exactness"
        errors = call.take(part, needs, partial(benchmark.exactness, base, model))
        if errors:
            call.note(part, **errors)
            errors_of[benchmark.name] = errors
    return errors_of
