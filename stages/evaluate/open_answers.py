"""The questions of the truth without their options: does a free answer say what is right?

About a test photo, about the same without its photo (`blind`), and from what was learned alone. An answer is
right if it holds the right option as whole words and none of the wrong ones, whatever stands around it.
Whether it calls the subject by its name is counted as well: "the person" beside a tree is no tower.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from common import vlm
from common.methods.interface import Request, Responder, Task
from common.prompts.evaluation import only_option
from common.testdata.ground_truth import Questions
from stages.evaluate.photos import EvalPhoto

SORT_BY = ("subject", "method", "kind", "photo", "question")
Row = dict[str, Any]


def build_requests(
    questions: Mapping[str, Questions], photos: Sequence[EvalPhoto], max_new_tokens: int, responder: Responder
) -> list[tuple[Row, Request]]:
    """Each question once, however often its options differ; `options` holds them all, the right one first."""
    where = {(photo.owner, photo.path.name): i for i, photo in enumerate(photos) if photo.group == "test"}
    task = Task("chat", max_new_tokens)
    found = []
    for (subject, kind, photo, question), options in _merged(questions).items():
        shown = None if photo is None else where[subject, photo]
        methods = [(method, shown) for method in responder.methods_asked("open")]
        if kind == "visual":
            methods += [(method, None) for method in responder.methods_asked("blind")]
        row = {"subject": subject, "kind": kind, "photo": photo, "question": question, "options": options}
        found += [
            (row | {"method": method}, Request(task, method, (subject,), seen, question))
            for method, seen in methods
        ]
    return found


def parse_response(row: Row, answer: vlm.Answer) -> Row:
    """The finished row of OPEN_ANSWERS."""
    known, options = dict(row), row["options"]
    del known["options"]
    named = f"<{row['subject']}>" in answer.text
    correct = only_option(answer.text, options) == options[0]
    return known | {"answer": answer.text, "truth": options[0], "correct": correct, "named": named}


def _merged(questions: Mapping[str, Questions]) -> dict[tuple[str, str, str | None, str], list[str]]:
    """All options by (subject, kind, photo, question), the right one first."""
    merged: dict[tuple[str, str, str | None, str], list[str]] = {}
    for subject, both in questions.items():
        for kind, group in (("visual", both.visual), ("text", both.text)):
            for question in group:
                key = (subject, kind, question.image, question.question)
                right, wrong = question.options[question.answer], question.options[1 - question.answer]
                options = merged.setdefault(key, [right])
                options += [wrong] if wrong not in options else []
    return merged
