"""What is measured: a module for each of evaluate's benchmarks that has numbers, and lists over all of them.

A benchmark appears in the report when the predictions hold something of it.
"""

from importlib import import_module
from pkgutil import iter_modules

from stages.report.benchmark import BenchmarkMeasures
from stages.report.benchmarks import multiple_choice, recognition

# Modules in the order of all tables; those not named here come after them.
ORDER = ("recognition", "multiple_choice", "open_answers", "two_subjects", "captions", "general_vqa", "vqa")


def _discovered() -> list[BenchmarkMeasures]:
    """The measures of each module."""
    names = sorted(module.name for module in iter_modules(__path__))
    names.sort(key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))
    return [import_module(f"{__name__}.{name}").BENCHMARK for name in names]


BENCHMARKS = _discovered()
MEASURES = {name: title for benchmark in BENCHMARKS for name, title in benchmark.measures.items()}
# measure → its name after `methods.<method>.` in metrics.json; what the first tables show
MAIN = {measure: name for benchmark in BENCHMARKS for measure, name in benchmark.main.items()}
HEADS = MEASURES | {name: head for benchmark in BENCHMARKS for name, head in benchmark.heads.items()}
# shown by subject and by kind as well
BY_SUBJECT = {**recognition.BENCHMARK.measures, **multiple_choice.BENCHMARK.measures}
AT_THRESHOLD = {  # measure by the generated answer → the same with a threshold on P(yes)
    "recognition.weighted": "threshold.weighted",
    "recognition.lookalikes.weighted": "threshold.lookalikes.weighted",
}
