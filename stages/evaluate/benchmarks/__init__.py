"""All benchmarks, a module each: what lies in this folder is asked."""

from importlib import import_module
from pkgutil import iter_modules

from stages.evaluate.benchmark import Benchmark
from stages.evaluate.eval_set import EvalSet

# Modules in the order in which they are asked, which last bits depend on; those not named come after them.
ORDER = (
    *("recognition", "threshold_set", "multiple_choice", "open_answers", "sample_dialogs", "captions"),
    *("two_subjects", "general_vqa", "vqa", "own_questions", "token_explanations"),
)


def _discovered() -> list[type[Benchmark]]:
    """The benchmark of each module."""
    names = sorted(module.name for module in iter_modules(__path__))
    names.sort(key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))
    modules = [import_module(f"{__name__}.{name}") for name in names]
    return [
        defined
        for module in modules
        for defined in vars(module).values()
        if isinstance(defined, type)
        and issubclass(defined, Benchmark)
        and defined.__module__ == module.__name__
    ]


BENCHMARKS = _discovered()


def open_benchmarks(eval_set: EvalSet) -> list[Benchmark]:
    """Read the files of all benchmarks; raises UserError for one that is malformed or unfit."""
    opened = [benchmark(eval_set) for benchmark in BENCHMARKS]
    return [benchmark for benchmark in opened if benchmark.has_questions]
