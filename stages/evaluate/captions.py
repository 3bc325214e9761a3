"""Captions of the subject's photos and of others': is the subject named where it is, and only there?

Asked in two ways: naming the subject, which gives the name away, and not. The parse rule is the report's: the
exact token ``<id>`` occurs in the answer.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from common import vlm
from common.core import seed as seeds
from common.methods.interface import Request, Responder, Task
from common.prompts.captions import DESCRIBE, NAMING
from stages.evaluate.photos import EvalPhoto

SORT_BY = ("subject", "method", "named", "owner", "photo")
PROMPTS = {True: NAMING, False: DESCRIBE}
Row = dict[str, Any]


def build_requests(
    subject: str, photos: Sequence[EvalPhoto], shown: Iterable[int], max_new_tokens: int, responder: Responder
) -> list[tuple[Row, Request]]:
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
            Request(task, method, (subject,), number, prompt.format(name=f"<{subject}>")),
        )
        for number in shown
        for named, prompt in PROMPTS.items()
        for method in responder.methods_asked(task.kind)
    ]


def parse_response(row: Row, answer: vlm.Answer) -> Row:
    """The finished row of CAPTIONS."""
    return row | {"answer": answer.text}


def chosen(subject: str, photos: Sequence[EvalPhoto], others: int, seed: int) -> list[int]:
    """Numbers of the subject's test photos, and of so many of others'.

    Drawn by lots of their own, so that a new subject changes few draws.
    """

    def lot(number: int) -> float:
        names = (subject, photos[number].owner, photos[number].path.name)
        return float(seeds.stream(seed, "evaluate", "captions", *names).random())

    tests = [number for number, photo in enumerate(photos) if photo.group == "test"]
    own = [number for number in tests if photos[number].shows(subject)]
    return own + sorted((number for number in tests if number not in own), key=lot)[:others]
