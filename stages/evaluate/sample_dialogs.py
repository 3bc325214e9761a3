"""Sample conversations for the report: what a method makes the model say.

They are examples for readers and enter no number. Most questions are those that synthesize asked about the
train photos, so they fit the kind of subject and the base model; two ask what differs from photo to photo,
which no learned row can know.
"""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from common import vlm
from common.methods.interface import Request, Responder, Task
from common.prompts.evaluation import ABOUT_THE_PHOTO
from stages.evaluate.photos import EvalPhoto

SORT_BY = ("subject", "method", "photo", "turn")
EXAMPLES = 3  # photos, and questions without a photo, per subject
Row = dict[str, Any]


def build_requests(
    subject: str, photos: Sequence[EvalPhoto], spoken: pa.Table, max_new_tokens: int, responder: Responder
) -> list[tuple[Row, Request]]:
    """Questions about the subject's first test photos, and its first questions without a photo.

    `spoken` is the subject's CONVERSATIONS table.
    """
    task = Task("chat", max_new_tokens)
    asked = _questions(spoken, "qa")
    about = [
        *(question.format(subject=subject) for question in ABOUT_THE_PHOTO),
        *asked[-1:],
        *_questions(spoken, "caption")[:1],
    ]
    shown = [i for i, photo in enumerate(photos) if photo.shows(subject)][:EXAMPLES]
    turns = [(i, turn, question) for i in shown for turn, question in enumerate(about)]
    turns += [(None, turn, question) for turn, question in enumerate(asked[:EXAMPLES])]
    return [
        (
            {
                "subject": subject,
                "photo": None if photo is None else photos[photo].path.name,
                "turn": turn,
                "question": question,
                "method": method,
            },
            Request(task, method, (subject,), photo, question),
        )
        for photo, turn, question in turns
        for method in responder.methods_asked(task.kind)
    ]


def parse_response(row: Row, answer: vlm.Answer) -> Row:
    """The finished row of SAMPLE_CONVERSATIONS."""
    return row | {"answer": answer.text}


def _questions(spoken: pa.Table, kind: str) -> list[str]:
    """The different questions of a kind, in the order in which they were asked."""
    rows = sorted(spoken.select(["kind", "turn", "question"]).to_pylist(), key=lambda row: row["turn"] or 0)
    return list(dict.fromkeys(row["question"] for row in rows if row["kind"] == kind))
