"""The recognition test: every test photo against every subject, siblings against their own."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from stages.evaluate.photos import Photo
from stages.evaluate.wording import parse, recognition_question
from stages.methods.interface import Answering, Ask, Task

if TYPE_CHECKING:
    from stages import vlm

SORT_BY = ("subject", "method", "owner", "group", "photo")
TASK = Task("recognition", max_new_tokens=8)  # a model that says more than one word has failed at once
Row = dict[str, Any]


def asks(photos: Sequence[Photo], subjects: Iterable[str], answering: Answering) -> list[tuple[Row, Ask]]:
    """Each question with the columns known beforehand."""
    return [
        (
            _row(photo, subject, method),
            Ask(TASK, method, (subject,), number, recognition_question(subject)),
        )
        for subject in subjects
        for number, photo in enumerate(photos)
        if photo.asked_about(subject)
        for method in answering.asked(TASK.kind)
    ]


def answered(row: Row, answer: "vlm.Answer") -> Row:
    """The finished row of RECOGNITION, or of VALIDATION."""
    return row | {
        "answer": answer.text,
        "parsed": parse(answer.text, ("yes", "no")),
        "p_yes": answer.probabilities[0] if answer.probabilities else None,
    }


def _row(photo: Photo, subject: str, method: str) -> Row:
    return {
        "subject": subject,
        "photo": photo.path.name,
        "photo_sha256": photo.sha256,
        "group": photo.group,
        "owner": photo.owner,
        "label": photo.shows(subject),
        "method": method,
    }
