"""The recognition test: every test photo against every subject, look-alikes against their own."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from common.methods.interface import Request, Responder, Task
from common.prompts.evaluation import parse, recognition_question
from stages.evaluate.photos import EvalPhoto

if TYPE_CHECKING:
    from common import vlm

SORT_BY = ("subject", "method", "owner", "group", "photo")
TASK = Task("recognition", max_new_tokens=8)  # a model that says more than one word has failed at once
Row = dict[str, Any]


def build_requests(
    photos: Sequence[EvalPhoto], subjects: Iterable[str], responder: Responder
) -> list[tuple[Row, Request]]:
    """Each question with the columns known beforehand."""
    return [
        (
            _row(photo, subject, method),
            Request(TASK, method, (subject,), number, recognition_question(subject)),
        )
        for subject in subjects
        for number, photo in enumerate(photos)
        if photo.asked_about(subject)
        for method in responder.methods_asked(TASK.kind)
    ]


def parse_response(row: Row, answer: "vlm.Answer") -> Row:
    """The finished row of RECOGNITION, or of VALIDATION."""
    return row | {
        "answer": answer.text,
        "parsed": parse(answer.text, ("yes", "no")),
        "p_yes": answer.probabilities[0] if answer.probabilities else None,
    }


def _row(photo: EvalPhoto, subject: str, method: str) -> Row:
    return {
        "subject": subject,
        "photo": photo.path.name,
        "photo_sha256": photo.sha256,
        "group": photo.group,
        "owner": photo.owner,
        "label": photo.shows(subject),
        "method": method,
    }
