"""All benchmarks, in the order in which they are asked. A new one is a file beside this, and a line here."""

from stages.evaluate.benchmark import Benchmark
from stages.evaluate.captions import Captions
from stages.evaluate.eval_set import EvalSet
from stages.evaluate.general_vqa import GeneralVqa
from stages.evaluate.multiple_choice import MultipleChoice
from stages.evaluate.open_answers import OpenAnswers
from stages.evaluate.own_questions import OwnQuestions
from stages.evaluate.recognition import Recognition
from stages.evaluate.sample_dialogs import SampleDialogs
from stages.evaluate.threshold_set import ThresholdSet
from stages.evaluate.token_explanations import TokenExplanations
from stages.evaluate.two_subjects import TwoSubjects
from stages.evaluate.vqa import Vqa

BENCHMARKS: tuple[type[Benchmark], ...] = (
    Recognition,
    ThresholdSet,
    MultipleChoice,
    OpenAnswers,
    SampleDialogs,
    Captions,
    TwoSubjects,
    GeneralVqa,
    Vqa,
    OwnQuestions,
    TokenExplanations,
)


def open_benchmarks(eval_set: EvalSet) -> list[Benchmark]:
    """Read the files of all benchmarks; raises UserError for one that is malformed or unfit."""
    opened: list[Benchmark] = []
    for benchmark in BENCHMARKS:
        opened.append(benchmark(eval_set, sum(len(before.photos) for before in opened)))
    return [benchmark for benchmark in opened if benchmark.has_questions]
