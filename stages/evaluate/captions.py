"""Captions of the subject's photos and of others': is the subject named where it is, and only there?

Asked in two ways: naming the subject, which gives the name away, and not. The parse rule is the report's: the
exact token ``<id>`` occurs in the answer.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from stages import vlm
from stages.core import seed as seeds
from stages.evaluate.photos import Photo
from stages.methods.interface import Answering, Ask, Task

SORT_BY = ("subject", "method", "named", "owner", "photo")
WORDINGS = {True: "Write a caption for this photo of <{subject}>.", False: "Describe this photo."}
Row = dict[str, Any]


def asks(
    subject: str, photos: Sequence[Photo], shown: Iterable[int], max_new_tokens: int, answering: Answering
) -> list[tuple[Row, Ask]]:
    """Captions of the photos with these numbers, in both wordings."""
    task = Task("caption", max_new_tokens)
    return [
        (
            {
                "subject": subject,
                "photo": photos[number].path.name,
                "owner": photos[number].owner,
                "label": photos[number].shows(subject),
                "named": named,
                "method": method,
            },
            Ask(task, method, (subject,), number, wording.format(subject=subject)),
        )
        for number in shown
        for named, wording in WORDINGS.items()
        for method in answering.asked(task.kind)
    ]


def answered(row: Row, answer: vlm.Answer) -> Row:
    """The finished row of CAPTIONS."""
    return row | {"answer": answer.text}


def chosen(subject: str, photos: Sequence[Photo], others: int, seed: int) -> list[int]:
    """Numbers of the subject's test photos, and of so many of others'.

    Drawn by lots of their own, so that a new subject changes few draws.
    """

    def lot(number: int) -> float:
        names = (subject, photos[number].owner, photos[number].path.name)
        return float(seeds.stream(seed, "evaluate", "captions", *names).random())

    tests = [number for number, photo in enumerate(photos) if photo.group == "test"]
    own = [number for number in tests if photos[number].shows(subject)]
    return own + sorted((number for number in tests if number not in own), key=lot)[:others]
