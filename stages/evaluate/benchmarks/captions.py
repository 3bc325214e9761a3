"""Captions of the subject's photos and of others': is the subject named where it is, and only there?

Asked in two ways: naming the subject, which gives the name away, and not. The parse rule is the report's: the
exact token ``<id>`` occurs in the answer.
"""

from typing import TYPE_CHECKING

from common.core import schema
from common.core import seed as seeds
from common.methods.interface import Control, Request, Responder, Task
from common.prompts.captions import DESCRIBE, NAMING
from stages.evaluate.benchmark import Benchmark, Requests, Row
from stages.evaluate.photos import EvalPhoto

if TYPE_CHECKING:
    from common import vlm

PROMPTS = {True: NAMING, False: DESCRIBE}
CAPTION_CONTROLS: tuple[Control, ...] = ("base", "short_description", "other_subject")


class CaptionsBenchmark(Benchmark):
    """Captions of the subject's test photos, and of some of others', in both wordings."""

    name = "captions"
    schema = schema.CAPTIONS
    sort_by = ("subject", "method", "named", "owner", "photo")

    def build_requests(self, responder: Responder) -> Requests:
        """Each question with the columns known beforehand."""
        task = Task("caption", self.eval_set.settings.max_new_tokens)
        return [
            (
                {
                    "subject": subject,
                    "photo": photo.path.name,
                    "owner": photo.owner,
                    "label": photo.shows(subject),
                    "named": named,
                    "method": method,
                },
                Request(task, method, (subject,), photo.key, prompt.format(name=f"<{subject}>")),
            )
            for subject in self.eval_set.questions
            for photo in self._captioned(subject)
            for named, prompt in PROMPTS.items()
            for method in (responder.name, *responder.controls(CAPTION_CONTROLS))
        ]

    def parse_response(self, row: Row, answer: "vlm.Answer") -> Row:
        """The finished row of CAPTIONS."""
        return row | {"answer": answer.text}

    def _captioned(self, subject: str) -> list[EvalPhoto]:
        """The subject's test photos, and some of others', drawn so that a new subject changes few draws."""

        def lot(photo: EvalPhoto) -> float:
            names = (subject, photo.owner, photo.path.name)
            return float(seeds.stream(self.eval_set.seed, "evaluate", "captions", *names).random())

        tests = [photo for photo in self.eval_set.photos.values() if photo.group == "test"]
        own = [photo for photo in tests if photo.shows(subject)]
        others = sorted((photo for photo in tests if not photo.shows(subject)), key=lot)
        return own + others[: self.eval_set.settings.captioned_others]
