"""Two subjects in one photo: who of those asked about is there, and who stands on which side.

Presence is asked of one subject at a time, with only that one taught, in the words of the recognition test.
For sides both are taught at once.
"""

from collections.abc import Collection, Sequence
from typing import Any

from common import vlm
from common.methods.interface import Request, Responder, Task
from common.prompts.evaluation import SIDE, choice_question, parse, recognition_question, right_letter
from common.testdata.ground_truth import TwoSubjectPhoto
from stages.evaluate import multiple_choice, recognition
from stages.evaluate.multiple_choice import PAIR

SORT_BY = ("subject", "method", "kind", "photo", "order")
SIDES = ("left", "right")
TASK = Task("two_subjects", multiple_choice.MAX_NEW_TOKENS, PAIR)
Row = dict[str, Any]


def build_requests(
    rows: Sequence[TwoSubjectPhoto], first: int, subjects: Collection[str], responder: Responder
) -> list[tuple[Row, Request]]:
    """Each question with the columns known beforehand; `first` is the number of the first of these photos.

    Whom nothing was learned of is not asked about.
    """
    found = []
    for photo, row in enumerate(rows, first):
        roles = dict(zip(row.shown, SIDES, strict=True)) | dict.fromkeys(row.absent, "absent")
        for subject in (name for name in roles if name in subjects):
            known = _row(row, subject, "presence", roles[subject], 0)
            truth = "no" if roles[subject] == "absent" else "yes"
            question = recognition_question(subject)
            found += [
                (
                    known | {"method": method, "truth": truth},
                    Request(recognition.TASK, method, (subject,), photo, question),
                )
                for method in responder.methods_asked(recognition.TASK.kind)
            ]
        if set(row.shown) <= set(subjects):
            found += _sides(row, photo, responder)
    return found


def parse_response(row: Row, answer: vlm.Answer) -> Row:
    """The finished row of TOGETHER."""
    allowed = ("yes", "no") if row["kind"] == "presence" else PAIR
    parsed = parse(answer.text, allowed)
    first = answer.probabilities[0] if answer.probabilities else None
    return row | {
        "answer": answer.text,
        "parsed": parsed,
        "correct": parsed == row["truth"],
        "p_first": first,
    }


def _sides(row: TwoSubjectPhoto, photo: int, responder: Responder) -> list[tuple[Row, Request]]:
    """Who is on the left, and who on the right, each in both orders; the row's subject is who is there."""
    options = [f"<{subject}>" for subject in row.shown]
    found = []
    for answer, (subject, side) in enumerate(zip(row.shown, SIDES, strict=True)):
        for order in (0, 1):
            question = choice_question(SIDE.format(side=side), options, order)
            known = _row(row, subject, "side", side, order) | {"truth": right_letter(answer, order)}
            found += [
                (known | {"method": method}, Request(TASK, method, row.shown, photo, question))
                for method in responder.methods_asked(TASK.kind)
            ]
    return found


def _row(row: TwoSubjectPhoto, subject: str, kind: str, role: str, order: int) -> Row:
    return {
        "subject": subject,
        "photo": row.image,
        "left": row.left,
        "right": row.right,
        "kind": kind,
        "role": role,
        "order": order,
    }
