"""The recognition test: every test photo against every subject, siblings against their own."""

from collections.abc import Mapping, Sequence
from typing import Any

from stages import vlm
from stages.evaluate.ask import RECOGNITION, Ask
from stages.evaluate.definitions import Definition
from stages.evaluate.photos import Photo
from stages.evaluate.wording import parse, recognition_question

SORT_BY = ("subject", "method", "owner", "group", "photo")
Row = dict[str, Any]


def asks(
    photos: Sequence[Photo], definitions: Mapping[str, Mapping[str, Definition]]
) -> list[tuple[Row, Ask]]:
    """Each question with the columns known beforehand; `definitions` is by subject, then method."""
    return [
        (
            _row(photo, subject, method),
            Ask(RECOGNITION, number, recognition_question(subject), definition),
        )
        for subject, methods in definitions.items()
        for number, photo in enumerate(photos)
        if photo.asked_about(subject)
        for method, definition in methods.items()
    ]


def answered(row: Row, answer: vlm.Answer) -> Row:
    """The finished row of RECOGNITION."""
    return row | {
        "answer": answer.text,
        "parsed": parse(answer.text, ("yes", "no")),
        "p_yes": answer.probabilities[0],
    }


def constant(photos: Sequence[Photo], majority: Mapping[str, str]) -> list[Row]:
    """The rows of the majority control: each subject's constant answer, without a probability."""
    return [
        _row(photo, subject, "majority")
        | {"answer": word, "parsed": parse(word, ("yes", "no")), "p_yes": None}
        for subject, word in majority.items()
        for photo in photos
        if photo.asked_about(subject)
    ]


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
