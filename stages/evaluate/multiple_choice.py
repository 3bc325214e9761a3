"""Two-choice questions about a subject, visual and text-only, each asked in both orders of its options."""

from collections.abc import Mapping, Sequence
from typing import Any

from common import vlm
from common.methods.interface import Request, Responder, Task
from common.prompts.evaluation import LETTERS, choice_question, parse, right_letter
from common.testdata.ground_truth import ChoiceQuestion, Questions
from stages.evaluate.photos import EvalPhoto

SORT_BY = ("subject", "method", "kind", "photo", "question", "order")
PAIR = LETTERS[:2]
MAX_NEW_TOKENS = 8  # a right answer is one letter and an end token; a model that says more has failed at once
Row = dict[str, Any]


def build_requests(
    questions: Mapping[str, Questions], photos: Sequence[EvalPhoto], responder: Responder
) -> list[tuple[Row, Request]]:
    """Each question with the columns known beforehand; blind is a visual question with all but its photo."""
    where = {(photo.owner, photo.path.name): i for i, photo in enumerate(photos) if photo.group == "test"}
    found = []
    for subject, kind, question, order in _all(questions):
        photo = where[subject, question.image] if kind == "visual" else None
        text = choice_question(question.question, question.options, order)
        shown = [(kind, photo), ("blind", None)] if kind == "visual" else [(kind, None)]
        for asked, seen in shown:
            task = Task(asked, MAX_NEW_TOKENS, PAIR)
            for method in responder.methods_asked(asked):
                row = _row(subject, kind, question, order, method)
                found.append((row, Request(task, method, (subject,), seen, text)))
    return found


def parse_response(row: Row, answer: vlm.Answer) -> Row:
    """The finished row of QUESTIONS."""
    parsed = parse(answer.text, PAIR)
    return row | {"answer": answer.text, "parsed": parsed, "correct": parsed == row["truth"]}


def _all(questions: Mapping[str, Questions]) -> list[tuple[str, str, ChoiceQuestion, int]]:
    return [
        (subject, kind, question, order)
        for subject, both in questions.items()
        for kind, group in (("visual", both.visual), ("text", both.text))
        for question in group
        for order in (0, 1)
    ]


def _row(subject: str, kind: str, question: ChoiceQuestion, order: int, method: str) -> Row:
    return {
        "subject": subject,
        "kind": kind,
        "photo": question.image if kind == "visual" else None,
        "question": question.question,
        "order": order,
        "method": method,
        "truth": right_letter(question.answer, order),
    }
