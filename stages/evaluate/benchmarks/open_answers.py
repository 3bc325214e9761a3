"""The questions of the truth without their options: does a free answer say what is right?

About a test photo, about the same without its photo (`blind`), and from what was learned alone. An answer is
right if it holds the right option as whole words and none of the wrong ones, whatever stands around it.
Whether it calls the subject by its name is counted as well: "the person" beside a tree is no tower.
"""

from typing import TYPE_CHECKING

from common.core import schema
from common.methods.interface import Control, Request, Responder, Task
from common.prompts.evaluation import only_option
from stages.evaluate.benchmark import Benchmark, Requests, Row
from stages.evaluate.eval_set import EvalSet, QuestionKind
from stages.evaluate.photos import photo_key

if TYPE_CHECKING:
    from common import vlm

OPEN_CONTROLS: tuple[Control, ...] = ("base", "short_description")


class OpenAnswersBenchmark(Benchmark):
    """Each question once, however often its options differ."""

    name = "open_answers"
    schema = schema.OPEN_ANSWERS
    sort_by = ("subject", "method", "kind", "photo", "question")

    def build_requests(self, responder: Responder) -> Requests:
        """Each question with the columns known beforehand; `options` holds them all, the right one first."""
        task = Task("chat", self.eval_set.settings.max_new_tokens)
        requests: Requests = []
        for (subject, kind, photo, question), options in _merged(self.eval_set).items():
            key = None if photo is None else photo_key(subject, "test", photo)
            asked = [(method, key) for method in (responder.name, *responder.controls(OPEN_CONTROLS))]
            if kind == "visual":
                asked += [(method, None) for method in responder.controls(("blind",))]
            row = {"subject": subject, "kind": kind, "photo": photo, "question": question, "options": options}
            requests += [
                (row | {"method": method}, Request(task, method, (subject,), shown, question))
                for method, shown in asked
            ]
        return requests

    def parse_response(self, row: Row, answer: "vlm.Answer") -> Row:
        """The finished row of OPEN_ANSWERS; `options` is not among its columns."""
        options = row["options"]
        return row | {
            "answer": answer.text,
            "truth": options[0],
            "correct": only_option(answer.text, options) == options[0],
            "named": f"<{row['subject']}>" in answer.text,
        }


def _merged(eval_set: EvalSet) -> dict[tuple[str, QuestionKind, str | None, str], list[str]]:
    """All options by (subject, kind, photo, question), the right one first."""
    merged: dict[tuple[str, QuestionKind, str | None, str], list[str]] = {}
    for subject, kind, photo, question in eval_set.choice_questions():
        right, wrong = question.options[question.answer], question.options[1 - question.answer]
        options = merged.setdefault((subject, kind, photo, question.question), [right])
        options += [wrong] if wrong not in options else []
    return merged
