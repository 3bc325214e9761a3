"""Two-choice questions about a subject, visual and text-only, each asked in both orders of its options."""

from typing import TYPE_CHECKING

from common.core import schema
from common.methods.interface import Control, Request, Responder, Task
from common.prompts.evaluation import parse, right_letter
from common.prompts.instructions import LETTERS, choice_question
from stages.evaluate.benchmark import Benchmark, Requests, Row
from stages.evaluate.photos import photo_key

if TYPE_CHECKING:
    from common import vlm

PAIR = LETTERS[:2]
MAX_NEW_TOKENS = 8  # a right answer is one letter and an end token; a model that says more has failed at once
CHOICE_CONTROLS: tuple[Control, ...] = ("base", "short_description", "long_description", "majority")


class MultipleChoiceBenchmark(Benchmark):
    """Questions of the truth, with their options; blind is a visual question with all but its photo."""

    name = "questions"
    schema = schema.QUESTIONS
    sort_by = ("subject", "method", "kind", "photo", "question", "order")

    def build_requests(self, responder: Responder) -> Requests:
        """Each question with the columns known beforehand."""
        requests: Requests = []
        for subject, kind, photo, question in self.eval_set.choice_questions():
            shown = None if photo is None else photo_key(subject, "test", photo)
            asked = [
                (Task(kind, MAX_NEW_TOKENS, PAIR), method, shown)
                for method in (responder.name, *responder.controls(CHOICE_CONTROLS))
            ]
            if kind == "visual":
                blind = responder.controls(("blind",))
                asked += [(Task("blind", MAX_NEW_TOKENS, PAIR), method, None) for method in blind]
            for order in (0, 1):
                row = {
                    "subject": subject,
                    "kind": kind,
                    "photo": photo,
                    "question": question.question,
                    "order": order,
                    "truth": right_letter(question.answer, order),
                }
                text = choice_question(question.question, question.options, order)
                requests += [
                    (row | {"method": method}, Request(task, method, (subject,), key, text))
                    for task, method, key in asked
                ]
        return requests

    def parse_response(self, row: Row, answer: "vlm.Answer") -> Row:
        """The finished row of QUESTIONS."""
        parsed = parse(answer.text, PAIR)
        return row | {"answer": answer.text, "parsed": parsed, "correct": parsed == row["truth"]}
