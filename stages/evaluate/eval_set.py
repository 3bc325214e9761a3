"""What benchmarks share: the subjects' test photos and questions, how much is asked, what training has seen.

Gathered, and refused if unfit, before a model is loaded.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from common.core import io, paths, schema
from common.core.sections import Evaluate
from common.core.vocabulary import Source
from common.testdata.ground_truth import ChoiceQuestion, Questions, load_questions
from common.testdata.own_questions import OwnQuestion, load_own_questions
from stages.evaluate.photos import EvalPhoto, gallery, refuse_leaks

QuestionKind = Literal["visual", "text"]


@dataclass(frozen=True)
class EvalSet:
    """The test of some subjects.

    Attributes:
        questions: of every subject, in the order of params.yaml; own photos may come without.
        photos: the subjects' test photos and look-alikes, by key.
        own_questions: of every subject, what its user wants to see answered.
        trained_on: SHA-256 of the files that each subject was trained on.
        settings: `evaluate` in params.yaml.
        seed: of what is drawn.

    """

    questions: Mapping[str, Questions]
    photos: Mapping[str, EvalPhoto]
    own_questions: Mapping[str, Sequence[OwnQuestion]]
    trained_on: Mapping[str, Collection[str]]
    settings: Evaluate
    seed: int

    def choice_questions(self) -> Iterator[tuple[str, QuestionKind, str | None, ChoiceQuestion]]:
        """Give all questions of the truth: subject, kind, a visual one's photo (file name), and itself."""
        for subject, both in self.questions.items():
            yield from ((subject, "visual", question.image, question) for question in both.visual)
            yield from ((subject, "text", None, question) for question in both.text)


def load_eval_set(sources: Mapping[str, Source], settings: Evaluate, seed: int) -> EvalSet:
    """Gather the test of these subjects (id → "world" or "own").

    Raises UserError when a test photo was trained on or a questions file is malformed.
    """
    photos = gallery(sources)
    questions = {subject: load_questions(subject, source) for subject, source in sources.items()}
    trained_on = {
        subject: set(
            io.read_parquet(paths.dataset(subject), schema.DATASET)["source_sha256"].drop_null().to_pylist()
        )
        for subject in sources
    }
    refuse_leaks(photos.values(), trained_on)
    own = {subject: load_own_questions(subject, source) for subject, source in sources.items()}
    return EvalSet(questions, photos, own, trained_on, settings, seed)
