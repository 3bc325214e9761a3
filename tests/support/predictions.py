"""Evaluate's tables of made-up subjects with drawn answers, without any model."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from common.core import paths
from common.core.sections import Evaluate
from common.methods.interface import TITLES, Control, Cost, LatentTokens, Photos, Request, Responder
from common.methods.soft_prompt.method import SoftPrompts
from stages.evaluate.benchmark import Benchmark
from stages.evaluate.benchmarks import open_benchmarks
from stages.evaluate.benchmarks.threshold_set import ThresholdImage, ThresholdSetBenchmark
from stages.evaluate.benchmarks.two_subjects import TwoSubjectsBenchmark
from stages.evaluate.eval_set import EvalSet, load_eval_set
from stages.evaluate.evaluate import evaluate
from stages.evaluate.photos import EvalPhoto
from tests.support.helpers import set_params
from tests.support.subjects import HOSTILE, populate

# How far apart a method's logits of P(yes) lie, in standard deviations; 0 for all others.
SKILL = {"soft_prompt": 3.0, "short_description": 1.5, "long_description": 1.4}
NEARNESS = {
    "lookalike-marking": 0.2,
    "lookalike-one": -0.3,
    "lookalike-two": -0.6,
    "test": -1.0,
    "two_subjects": 0.0,
}  # 1 for the subject
SETTINGS = Evaluate(
    max_new_tokens=8,
    threshold_negatives=2,
    two_subjects=str(paths.WORLD_TWO_SUBJECTS),
    general=str(paths.WORLD_GENERAL),
    general_subjects=2,
    general_photos=None,
    explain="describe",
    captioned_others=2,
)
Pictures = Mapping[str, EvalPhoto | ThresholdImage]


class Drawn(Responder, LatentTokens):
    """Answers that are drawn: logits of P(yes) are normal, apart by SKILL."""

    def __init__(self, name: str, subjects: Iterable[str], pictures: Pictures, seed: int) -> None:
        self.name, self.prompts, self._pictures = name, list(subjects), pictures
        self._generator = np.random.default_rng(seed)
        self.titles = TITLES if name == paths.SOFT_PROMPT else {name: f"The {name}"}

    def controls(self, wanted: Sequence[Control]) -> Sequence[Control]:
        own = self.name == paths.SOFT_PROMPT
        return SoftPrompts.controls(self, wanted) if own else super().controls(wanted)

    def answers(self, photos: Photos, requests: Sequence[Request]) -> list[SimpleNamespace]:
        return [self._answer(ask) for ask in requests]

    def cost(self, name: str, subject: str) -> Cost:
        return Cost(100, 400, 17)

    def latent_tokens(self, subject: str) -> int:
        return 3 if self.name == paths.SOFT_PROMPT else 0

    def _answer(self, ask: Request) -> SimpleNamespace:
        if ask.method == "majority":
            return SimpleNamespace(text=ask.task.options[0], probabilities=())
        if ask.task.kind in ("chat", "caption"):
            return SimpleNamespace(text=f"<{ask.subjects[0]}> is red. {HOSTILE}", probabilities=(0.5, 0.5))
        if ask.task.kind != "recognition":
            said = self._generator.choice([*ask.task.options, "A."])
            return SimpleNamespace(text=said, probabilities=(0.5, 0.5))
        picture = self._pictures[ask.photo]
        if isinstance(picture, ThresholdImage):
            near = 1.0 if picture.role == "positive" else -1.0
        else:
            near = 1.0 if picture.shows(ask.subjects[0]) else NEARNESS[picture.group]
        p_yes = float(1 / (1 + np.exp(-SKILL.get(ask.method, 0) * near - self._generator.normal())))
        text = HOSTILE if self._generator.random() < 0.02 else "Yes" if p_yes > 0.5 else "No"
        return SimpleNamespace(text=text, probabilities=(p_yes, 1 - p_yes))


def predict(subjects: Mapping[str, str], rivals: Sequence[str] = (), seed: int = 0) -> None:
    """Write evaluate's tables with drawn answers, of the soft prompt and of rivals, without any model."""
    eval_set = load_eval_set(subjects, SETTINGS, seed)
    benchmarks = open_benchmarks(eval_set)
    for method in (paths.SOFT_PROMPT, *rivals):
        evaluate(Drawn(method, subjects, pictures(eval_set, benchmarks), seed), eval_set, benchmarks)


def pictures(eval_set: EvalSet, benchmarks: Iterable[Benchmark]) -> Pictures:
    """All photos that a subject may be in, by key."""
    found: dict[str, EvalPhoto | ThresholdImage] = dict(eval_set.photos)
    for benchmark in benchmarks:
        if isinstance(benchmark, ThresholdSetBenchmark):
            found |= {image.key: image for image in benchmark.images}
        if isinstance(benchmark, TwoSubjectsBenchmark):
            found |= {photo.key: photo for photo in benchmark.shown}
    return found


def predicted_in(subjects: Mapping[str, str], workspace: Path) -> Path:
    """The workspace, with predictions of these subjects (id -> source), which params.yaml then lists."""
    set_params(
        {
            "report.bootstrap": 50,
            "methods": {"rival": {"method": "training_free", "title": "-", "threshold": None}},
            "subjects": {name: {"kind": "pet", "source": source} for name, source in subjects.items()},
        }
    )
    populate(subjects)
    predict(subjects, ["rival"])
    return workspace
