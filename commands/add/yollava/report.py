"""What the report about the dataset says of its subjects, questions and negatives."""

from collections.abc import Sequence
from pathlib import Path

from commands.add.yollava.dataset_subject import DatasetSubject
from commands.add.yollava.questions import always_a
from common.testdata.ground_truth import ChoiceQuestion

COLUMNS = (
    "subject",
    "kind",
    "train",
    "test",
    "photo questions",
    "always A",
    "without question",
    "text questions",
    "always A",
    "hard negatives",
    "scores",
)


BALANCE = (
    '"Always A" is the accuracy of the answer A in the published order, without looking. A score measured in '
    "that order says something only above it; here each question is asked in both orders."
)


def notes(subjects: Sequence[DatasetSubject], corpus: Path) -> list[str]:
    """What to know of the table; `corpus` is where the hard negatives are put."""
    return [BALANCE, _on_negatives(subjects, corpus)]


def table(subjects: Sequence[DatasetSubject]) -> list[tuple[str, ...]]:
    """The head, one row a subject, and the sums."""
    rows = [(subject.id, subject.kind, *_cells([subject])) for subject in subjects]
    return [COLUMNS, *rows, ("all", "", *_cells(subjects))]


def _cells(subjects: Sequence[DatasetSubject]) -> tuple[str, ...]:
    visual = [question for subject in subjects for question in subject.questions.visual]
    text = [question for subject in subjects for question in subject.questions.text]
    scores = [score for subject in subjects for score in subject.negatives.scores]
    tests = [{photo.path.name for photo in subject.photos.test} for subject in subjects]
    asked = [{question.image for question in subject.questions.visual} for subject in subjects]
    return (
        str(sum(len(subject.photos.train) for subject in subjects)),
        str(sum(map(len, tests))),
        str(len(visual)),
        _share(visual),
        str(sum(len(photos - about) for photos, about in zip(tests, asked, strict=True))),
        str(len(text)),
        _share(text),
        str(sum(len(subject.negatives.files) for subject in subjects)),
        f"{min(scores):.2f} to {max(scores):.2f}" if scores else "",
    )


def _share(questions: Sequence[ChoiceQuestion]) -> str:
    share = always_a(questions)
    return "" if share is None else f"{share:.3f}"


def _on_negatives(subjects: Sequence[DatasetSubject], corpus: Path) -> str:
    if not any(subject.negatives.files for subject in subjects):
        return (
            "There are no hard negatives: they are published as a ZIP of their own, to be unpacked over "
            "train/, or let retrieve find others in any corpus that `index.location` names."
        )
    return (
        f"To learn from the published hard negatives, set `index.source: folder` and `index.location: "
        f"{corpus}` in params.yaml: retrieve then ranks them with the base CLIP for every subject."
    )
