"""Sample conversations for the report: what a method makes the model say.

They are examples for readers and enter no number. Most questions are those that synthesize asked about the
train photos, so they fit the kind of subject and the base model; two ask what differs from photo to photo,
which no learned row can know.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from common.core import schema
from common.core.conversations import read_conversations
from common.methods.interface import Control, Request, Responder, Task
from common.prompts.evaluation import ABOUT_THE_PHOTO
from stages.evaluate.benchmark import Benchmark, Requests, Row

if TYPE_CHECKING:
    from common import vlm

EXAMPLES = 3  # photos, and questions without a photo, per subject
DIALOG_CONTROLS: tuple[Control, ...] = ("base",)


class SampleDialogsBenchmark(Benchmark):
    """Questions about the subject's first test photos, and its first questions without a photo."""

    name = "conversations"
    schema = schema.SAMPLE_CONVERSATIONS
    sort_by = ("subject", "method", "photo", "turn")

    def build_requests(self, responder: Responder) -> Requests:
        """Each question with the columns known beforehand."""
        task = Task("chat", self.eval_set.settings.max_new_tokens)
        methods = (responder.name, *responder.controls(DIALOG_CONTROLS))
        requests: Requests = []
        for subject in self.eval_set.questions:
            spoken = read_conversations(subject)
            asked = _questions(spoken, "qa")
            about = [
                *(question.format(name=f"<{subject}>") for question in ABOUT_THE_PHOTO),
                *asked[-1:],
                *_questions(spoken, "caption")[:1],
            ]
            own = [(key, photo) for key, photo in self.eval_set.photos.items() if photo.shows(subject)]
            turns: list[tuple[str | None, str | None, int, str]] = [
                (key, photo.path.name, turn, question)
                for key, photo in own[:EXAMPLES]
                for turn, question in enumerate(about)
            ]
            turns += [(None, None, turn, question) for turn, question in enumerate(asked[:EXAMPLES])]
            requests += [
                (
                    {
                        "subject": subject,
                        "photo": photo,
                        "turn": turn,
                        "question": question,
                        "method": method,
                    },
                    Request(task, method, (subject,), key, question),
                )
                for key, photo, turn, question in turns
                for method in methods
            ]
        return requests

    def parse_response(self, row: Row, answer: "vlm.Answer") -> Row:
        """The finished row of SAMPLE_CONVERSATIONS."""
        return row | {"answer": answer.text}


def _questions(spoken: Sequence[Row], kind: str) -> list[str]:
    """The different questions of a kind among CONVERSATIONS rows, in the order in which they were asked."""
    rows = sorted(spoken, key=lambda row: row["turn"] or 0)
    return list(dict.fromkeys(row["question"] for row in rows if row["kind"] == kind))
