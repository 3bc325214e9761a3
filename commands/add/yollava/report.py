"""The report about the dataset as Markdown: what was imported, and what is wrong in it."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from commands.add.yollava.findings import CAUSES, Findings
from commands.add.yollava.questions import always_a
from commands.add.yollava.subjects import KIND
from common.testdata.ground_truth import ChoiceQuestion

if TYPE_CHECKING:
    from commands.add.yollava.dataset import DatasetSubject

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


def markdown(subjects: Sequence["DatasetSubject"], found: Findings, corpus: Path) -> str:
    """The whole report; `corpus` is where the hard negatives are put."""
    parts = [
        "# The Yo'LLaVA dataset as imported",
        table(subjects),
        BALANCE,
        _on_negatives(subjects, corpus),
    ]
    for cause, cases in in_order(found):
        parts += [f"## {cause} ({len(cases)}): {CAUSES[cause]}", "\n".join(f"- {case}" for case in cases)]
    return "\n\n".join(parts) + "\n"


def table(subjects: Sequence["DatasetSubject"]) -> str:
    """One row a subject, and the sums."""
    rows = [COLUMNS, ("---",) * len(COLUMNS)]
    rows += [(subject.id, KIND[subject.name], *_cells([subject])) for subject in subjects]
    rows.append(("all", "", *_cells(subjects)))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def in_order(found: Findings) -> Iterable[tuple[str, list[str]]]:
    """The causes that have cases."""
    return [(cause, found[cause]) for cause in CAUSES if found[cause]]


def _cells(subjects: Sequence["DatasetSubject"]) -> tuple[str, ...]:
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


def _on_negatives(subjects: Sequence["DatasetSubject"], corpus: Path) -> str:
    if not any(subject.negatives.files for subject in subjects):
        return (
            "There are no hard negatives: they are published as a ZIP of their own, to be unpacked over "
            "train/, or let retrieve find others in any corpus that `index.location` names."
        )
    return (
        f"To learn from the published hard negatives, set `index.source: folder` and `index.location: "
        f"{corpus}` in params.yaml: retrieve then ranks them with the base CLIP for every subject."
    )
