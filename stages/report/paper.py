"""Our numbers on the paper's own subjects, beside those that it published, and how the protocols differ.

Owns the published numbers (Yo'LLaVA, NeurIPS 2024). Says something only where subjects of its dataset were
evaluated: `python -m commands.add yollava` brings them in.
"""

from typing import NamedTuple

from common.core.paths import SOFT_PROMPT, YOLLAVA_PREFIX
from stages.report import number_format
from stages.report.scores import Scores

POPE = ("random", "popular", "adversarial")  # its settings
BOTH_ORDERS = "ours asks in both orders of the options and parses strictly; theirs in one order"


class Published(NamedTuple):
    """A number of the paper; `others` are those printed beside it."""

    table: str
    what: str
    value: str
    others: str
    measures: tuple[str, ...]  # ours; none where nothing of ours is comparable
    protocol: str


PUBLISHED = (
    Published(
        "5",
        "recognition: own photos / others' photos / mean",
        ".949 / .898 / .924",
        "LLaVA with a description .82; GPT-4V with one photo .901, with five .925",
        ("recognition.positive", "recognition.negative", "recognition.weighted"),
        "ours counts answers that cannot be read as wrong, theirs leaves them out; ours is a mean over "
        "subjects, and test photos that training has seen are refused",
    ),
    Published(
        "5",
        "questions about a photo",
        ".929",
        "LLaVA .899, with a human's description .925; always A .582",
        ("questions.visual",),
        BOTH_ORDERS,
    ),
    Published(
        "5",
        "questions without a photo",
        ".883",
        "LLaVA .659, with a human's description .790; GPT-4V with five photos .987; always A .975",
        ("questions.text",),
        f"{BOTH_ORDERS}, in which always A is right in nearly all",
    ),
    Published(
        "6",
        "recognition on MyVLM's objects: own / others / mean",
        ".970 / .957 / .964",
        "MyVLM .938",
        (),
        "MyVLM's 29 objects are not part of the dataset",
    ),
    Published(
        "6",
        "captions that name the subject, MyVLM's objects",
        "1.00",
        "MyVLM .960",
        ("captions.named.recall",),
        "ours on the dataset's own subjects; the question names the subject in both",
    ),
    Published(
        "8",
        "POPE random / popular / adversarial, soft prompt in place",
        ".86 / .86 / .85",
        "LLaVA .87 / .87 / .86",
        tuple(f"general.pope.published.{setting}.accuracy" for setting in POPE),
        "ours over the questions of evaluate.general, read as published",
    ),
    Published(
        "8",
        "MMBench, soft prompt in place",
        ".68",
        "LLaVA .68",
        ("general.mmbench.published.accuracy",),
        "ours over the questions of evaluate.general, in all orders of the options",
    ),
)
HEAD = ["table", "what", "paper", "beside it in the paper and elsewhere", "ours", "protocol"]


def beside(scores: Scores) -> list[list[str]]:
    """Rows of the comparison under HEAD; none if no subject comes from the dataset."""
    subjects = [subject for subject in scores.subjects if subject.startswith(YOLLAVA_PREFIX)]
    return [
        [
            row.table,
            row.what,
            row.value,
            row.others,
            " / ".join(
                number_format.text(scores.interval(SOFT_PROMPT, measure, subjects))
                for measure in row.measures
            )
            or "n/a",
            row.protocol,
        ]
        for row in (PUBLISHED if subjects else ())
    ]
