"""Photos that training has seen, asked about as in the test, so that a threshold is chosen without the test.

Of each subject: its train photos as they are, and a sample of its negatives. Controls are not asked: a
threshold is given to what was learned.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from common.core import seed as seeds
from common.methods.interface import Request, Responder
from common.prompts.evaluation import recognition_question
from stages.evaluate.recognition import TASK, parse_response

__all__ = [
    "SORT_BY",
    "ThresholdImage",
    "build_requests",
    "parse_response",
    "sample",
]  # an answer finishes a row as in the test

SORT_BY = ("subject", "method", "role", "image_sha256")
Row = dict[str, Any]


class ThresholdImage(NamedTuple):
    """A picture of a subject's training set."""

    subject: str
    role: str  # positive, hard or easy
    sha256: str
    image: bytes


def sample(subject: str, dataset: pa.Table, negatives: int, seed: int) -> list[ThresholdImage]:
    """The unchanged positives of a DATASET table, and at most so many hard and easy negatives, drawn."""
    rows = dataset.filter(pc.field("split") == "validation").select(["role", "image_sha256", "image"])
    found = []
    for role in ("positive", "hard", "easy"):
        there = rows.filter(pc.field("role") == role)
        count = there.num_rows if role == "positive" else min(negatives, there.num_rows)
        generator = seeds.stream(seed, "evaluate", "validation", subject, role)
        chosen = sorted(generator.choice(there.num_rows, count, replace=False).tolist())
        found += [
            ThresholdImage(subject, role, row["image_sha256"], row["image"]["bytes"])
            for row in there.take(pa.array(chosen, pa.int64())).to_pylist()
        ]
    return found


def build_requests(
    seen: Sequence[ThresholdImage], first: int, responder: Responder
) -> list[tuple[Row, Request]]:
    """Each question with the columns known beforehand; the pictures stand in the list from `first` on."""
    return [
        (
            _row(picture, method),
            Request(TASK, method, (picture.subject,), number, recognition_question(picture.subject)),
        )
        for number, picture in enumerate(seen, first)
        for method in responder.methods_asked("threshold_set")
    ]


def _row(picture: ThresholdImage, method: str) -> Row:
    return {
        "subject": picture.subject,
        "role": picture.role,
        "image_sha256": picture.sha256,
        "label": picture.role == "positive",
        "method": method,
    }
