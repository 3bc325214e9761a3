"""The recognition test: every test photo against every subject, look-alikes against their own."""

from typing import TYPE_CHECKING

from common.core import schema
from common.methods.interface import CONTROLS, Photos, Request, Responder, Task
from common.prompts.evaluation import parse, recognition_question
from stages.evaluate.benchmark import Benchmark, Requests, Row
from stages.evaluate.photos import EvalPhoto

if TYPE_CHECKING:
    from common import vlm

TASK = Task("recognition", max_new_tokens=8)  # a model that says more than one word has failed at once
RECOGNITION_CONTROLS = tuple(control for control in CONTROLS if control != "blind")


class RecognitionBenchmark(Benchmark):
    """Can you see <bo> in this photo?"""

    name = "recognition"
    schema = schema.RECOGNITION
    sort_by = ("subject", "method", "owner", "group", "photo")

    @property
    def photos(self) -> Photos:
        """The subjects' test photos and look-alikes."""
        return {key: photo.path for key, photo in self.eval_set.photos.items()}

    def build_requests(self, responder: Responder) -> Requests:
        """Each question with the columns known beforehand."""
        return [
            (
                _row(photo, subject, method),
                Request(TASK, method, (subject,), key, recognition_question(subject)),
            )
            for subject in self.eval_set.questions
            for key, photo in self.eval_set.photos.items()
            if photo.asked_about(subject)
            for method in (responder.name, *responder.controls(RECOGNITION_CONTROLS))
        ]

    def parse_response(self, row: Row, answer: "vlm.Answer") -> Row:
        """The finished row of RECOGNITION."""
        return row | read_yes_no(answer)


def read_yes_no(answer: "vlm.Answer") -> Row:
    """The columns that an answer to a recognition question fills."""
    return {
        "answer": answer.text,
        "parsed": parse(answer.text, ("yes", "no")),
        "p_yes": answer.probabilities[0] if answer.probabilities else None,
    }


def _row(photo: EvalPhoto, subject: str, method: str) -> Row:
    return {
        "subject": subject,
        "photo": photo.path.name,
        "photo_sha256": photo.sha256,
        "group": photo.group,
        "owner": photo.owner,
        "label": photo.shows(subject),
        "method": method,
    }
