"""What users want to see answered, as the paper's dialogs do (tables 3 and 9 to 14): no number comes of it.

Asked of every method, and of the base, which never heard of the subject.
"""

from typing import TYPE_CHECKING

from common.core import images, schema
from common.methods.interface import Photos, Request, Responder, Task
from common.testdata.own_questions import OwnQuestion
from stages.evaluate.benchmark import Benchmark, Requests, Row
from stages.evaluate.benchmarks.sample_dialogs import DIALOG_CONTROLS
from stages.evaluate.photos import THUMBNAIL, photo_key

if TYPE_CHECKING:
    from common import vlm


class OwnQuestionsBenchmark(Benchmark):
    """The questions of every subject's questions.yaml."""

    name = "own_questions"
    schema = schema.OWN_QUESTIONS
    sort_by = ("subject", "turn", "method")
    apart = True

    @property
    def photos(self) -> Photos:
        """Those asked about, also where they are test photos."""
        return {
            _key(subject, question): question.path
            for subject, questions in self.eval_set.own_questions.items()
            for question in questions
            if question.path
        }

    def build_requests(self, responder: Responder) -> Requests:
        """Each question with the columns known beforehand."""
        task = Task("chat", self.eval_set.settings.max_new_tokens)
        methods = (responder.name, *responder.controls(DIALOG_CONTROLS))
        return [
            (
                row | {"method": method},
                Request(task, method, (row["subject"],), key, row["question"]),
            )
            for row, key in self._asked()
            for method in methods
        ]

    def parse_response(self, row: Row, answer: "vlm.Answer") -> Row:
        """The finished row of OWN_QUESTIONS."""
        return row | {"answer": answer.text}

    def _asked(self) -> list[tuple[Row, str | None]]:
        """Rows without method and answer, each with the key of its photo."""
        return [
            (
                {
                    "subject": subject,
                    "turn": turn,
                    "photo": question.photo,
                    "image": _thumbnail(question),
                    "question": question.question,
                },
                _key(subject, question) if question.path else None,
            )
            for subject, questions in self.eval_set.own_questions.items()
            for turn, question in enumerate(questions)
        ]


def _key(subject: str, question: OwnQuestion) -> str:
    return photo_key(subject, "own_questions", question.photo or "")


def _thumbnail(question: OwnQuestion) -> Row | None:
    if question.path is None:
        return None
    data = images.thumbnail(images.load_image(question.path), THUMBNAIL)
    return {"bytes": data, "path": question.path.with_suffix(".jpg").name}
