"""Two subjects in one photo: who of those asked about is there, and who stands on which side.

Presence is asked of one subject at a time, with only that one taught, in the words of the recognition test.
For sides both are taught at once. Whom nothing was learned of is not asked about.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from common.core import schema
from common.methods.interface import Control, Photos, Request, Responder, Task
from common.prompts.evaluation import SIDE, parse, recognition_question, right_letter
from common.prompts.instructions import choice_question
from common.testdata.ground_truth import TwoSubjectPhoto, load_two_subjects
from stages.evaluate.benchmark import Benchmark, Requests, Row
from stages.evaluate.benchmarks import recognition
from stages.evaluate.benchmarks.multiple_choice import MAX_NEW_TOKENS, PAIR
from stages.evaluate.eval_set import EvalSet
from stages.evaluate.photos import refuse_leaks, two_subject_photos

if TYPE_CHECKING:
    from common import vlm

SIDES = ("left", "right")
SIDE_CONTROLS: tuple[Control, ...] = ("base", "short_description", "majority")
SIDE_TASK = Task("two_subjects", MAX_NEW_TOKENS, PAIR)


class TwoSubjectsBenchmark(Benchmark):
    """Presence of each subject, and sides where both are known."""

    name = "two_subjects"
    schema = schema.TWO_SUBJECTS
    sort_by = ("subject", "method", "kind", "photo", "order")

    def __init__(self, eval_set: EvalSet) -> None:
        """Read who is in which photo; raises UserError if a photo was trained on."""
        super().__init__(eval_set)
        folder = Path(eval_set.settings.two_subjects)
        self.rows = load_two_subjects(folder)
        self.shown = two_subject_photos(folder, self.rows)
        refuse_leaks(self.shown, eval_set.trained_on)

    @property
    def photos(self) -> Photos:
        """Those of two subjects."""
        return {photo.key: photo.path for photo in self.shown}

    def build_requests(self, responder: Responder) -> Requests:
        """Each question with the columns known beforehand."""
        requests: Requests = []
        for photo, row in zip(self.shown, self.rows, strict=True):
            requests += self._presence(photo.key, row, responder)
            if set(row.shown) <= set(self.eval_set.questions):
                requests += _sides(photo.key, row, responder)
        return requests

    def parse_response(self, row: Row, answer: "vlm.Answer") -> Row:
        """The finished row of TWO_SUBJECTS."""
        allowed = ("yes", "no") if row["kind"] == "presence" else PAIR
        parsed = parse(answer.text, allowed)
        first = answer.probabilities[0] if answer.probabilities else None
        return row | {
            "answer": answer.text,
            "parsed": parsed,
            "correct": parsed == row["truth"],
            "p_first": first,
        }

    def _presence(self, photo: str, row: TwoSubjectPhoto, responder: Responder) -> Requests:
        """Is this one here, of everybody who is named."""
        roles = dict(zip(row.shown, SIDES, strict=True)) | dict.fromkeys(row.absent, "absent")
        return [
            (
                _row(row, subject, "presence", roles[subject], 0)
                | {"method": method, "truth": "no" if roles[subject] == "absent" else "yes"},
                Request(recognition.TASK, method, (subject,), photo, recognition_question(subject)),
            )
            for subject in roles
            if subject in self.eval_set.questions
            for method in (responder.name, *responder.controls(recognition.RECOGNITION_CONTROLS))
        ]


def _sides(photo: str, row: TwoSubjectPhoto, responder: Responder) -> Requests:
    """Who is on the left, and who on the right, each in both orders; the row's subject is who is there."""
    options = [f"<{subject}>" for subject in row.shown]
    requests: Requests = []
    for answer, (subject, side) in enumerate(zip(row.shown, SIDES, strict=True)):
        for order in (0, 1):
            question = choice_question(SIDE.format(side=side), options, order)
            known = _row(row, subject, "side", side, order) | {"truth": right_letter(answer, order)}
            requests += [
                (known | {"method": method}, Request(SIDE_TASK, method, row.shown, photo, question))
                for method in (responder.name, *responder.controls(SIDE_CONTROLS))
            ]
    return requests


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
