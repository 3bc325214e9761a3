"""The one thread that uses the model: owns which questions are answered together, and when.

Questions that stand alone and want no chunks wait until the model is free and are answered together, those of
one method at a time. Conversations, drawn answers and streams grow token by token in turn. Either way an
answer depends on its own request alone, never on what else is asked.
"""

import queue
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from commands.serve.protocol import RefusedError, ServedAnswer
from commands.serve.question import ChatQuestion
from common.assistant import Assistant, Conversation, reply_all
from common.core.errors import UserError
from common.core.images import load_image
from common.methods.interface import InPrompt, Request
from common.vlm import Answer


@dataclass(eq=False)
class ScheduledQuestion:
    """A question on its way.

    Attributes:
        question: what is asked.
        tell: takes the answer so far, the whole answer or an error; called from the scheduler's thread.
        left: set when nobody waits for the answer any more.

    """

    question: ChatQuestion
    tell: Callable[[ServedAnswer | Exception], None]
    left: threading.Event = field(default_factory=threading.Event)


class Scheduler:
    """Answers jobs until it is closed; `answered` counts whole answers."""

    def __init__(self, assistant: Assistant, conversations: int, batch_size: int) -> None:
        """Begin to wait for jobs.

        Args:
            assistant: nobody else uses it meanwhile.
            conversations: that grow in turn, at most.
            batch_size: questions that are answered together, at most.

        """
        self.assistant, self.conversations, self.batch_size = assistant, conversations, batch_size
        self.answered = 0
        self._jobs: queue.SimpleQueue[ScheduledQuestion | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="scheduler", daemon=True)
        self._thread.start()

    def submit(self, job: ScheduledQuestion) -> None:
        """Answer this job when its turn has come."""
        self._jobs.put(job)

    def close(self) -> None:
        """End the answers that are under way, refuse what waits, and return when the model is left alone."""
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        alone: deque[tuple[ScheduledQuestion, Request]] = deque()
        waiting: deque[tuple[ScheduledQuestion, Conversation]] = deque()
        growing: deque[tuple[ScheduledQuestion, Iterator[ServedAnswer]]] = deque()
        while True:
            idle = not (alone or waiting or growing)
            while idle or not self._jobs.empty():
                job = self._jobs.get()
                if job is None:
                    for unanswered, _ in (*alone, *waiting, *growing):
                        unanswered.tell(RefusedError(503, "the server is stopping: ask again later"))
                    return
                self._place(job, alone, waiting)
                idle = False
            if alone:
                self._answer_together(self._batch(alone))
            while waiting and len(growing) < self.conversations:
                job, talk = waiting.popleft()
                growing.append((job, _grow(talk, job.question)))
            for _ in range(len(growing)):
                job, answers = growing.popleft()
                if self._step(job, answers):
                    growing.append((job, answers))

    def _place(
        self,
        job: ScheduledQuestion,
        alone: deque[tuple[ScheduledQuestion, Request]],
        waiting: deque[tuple[ScheduledQuestion, Conversation]],
    ) -> None:
        """Put a job where it belongs, or tell what is wrong with it."""
        question = job.question
        try:
            talk = self._conversation(question)
            streams = question.stream and isinstance(self.assistant.method(question.method), InPrompt)
            if talk.stands_alone and not streams and not question.decoding.temperature:
                alone.append((job, talk.request(question.text, question.decoding.max_new_tokens)))
            else:
                waiting.append((job, talk))
        except Exception as error:
            job.tell(_told(error))

    def _conversation(self, question: ChatQuestion) -> Conversation:
        """The conversation so far, with the photo that the question brings; a photo is decoded once."""
        shown = {photo: load_image(photo) for photo in {turn.photo for turn in question.turns} - {None}}
        talk = Conversation(self.assistant, question.subjects, question.method)
        for turn in question.turns:
            if turn.photo:
                talk.look_at(shown[turn.photo])
            talk.tell(turn.question, turn.answer)
        if question.photo:
            talk.look_at(shown.get(question.photo) or load_image(question.photo))
        return talk

    def _batch(
        self, alone: deque[tuple[ScheduledQuestion, Request]]
    ) -> list[tuple[ScheduledQuestion, Request]]:
        """Take the oldest question and the next ones that are put to the same method."""
        method, batch = alone[0][0].question.method, []
        for _ in range(len(alone)):
            job, request = alone.popleft()
            if len(batch) < self.batch_size and job.question.method == method:
                batch.append((job, request))
            else:
                alone.append((job, request))
        return batch

    def _answer_together(self, batch: list[tuple[ScheduledQuestion, Request]]) -> None:
        """Answer a batch; where that fails, each alone, so that a bad one costs no other its answer."""
        batch = [(job, request) for job, request in batch if not job.left.is_set()]
        if not batch:
            return
        keys: dict[bytes, str] = {}
        requests = []
        for job, request in batch:
            photo = _photo_in_view(job.question)
            key = None if photo is None else keys.setdefault(photo, str(len(keys)))
            requests.append(request._replace(photo=key))
        photos = {key: photo for photo, key in keys.items()}
        try:
            answers = reply_all(self.assistant, batch[0][0].question.method, photos, requests)
        except Exception as error:
            if len(batch) == 1:
                batch[0][0].tell(_told(error))
            else:
                for one in batch:
                    self._answer_together([one])
            return
        for (job, _), answer in zip(batch, answers, strict=True):
            self.answered += 1
            job.tell(_whole(answer, job.question.stop))

    def _step(self, job: ScheduledQuestion, answers: Iterator[ServedAnswer]) -> bool:
        """Let an answer grow by a token; return whether there is more to come."""
        if job.left.is_set():
            return False  # which ends the conversation
        try:
            said = next(answers)
        except Exception as error:
            job.tell(_told(error))
            return False
        job.tell(said)
        self.answered += said.finish is not None
        return said.finish is None


def _photo_in_view(question: ChatQuestion) -> bytes | None:
    """The photo that was shown last."""
    return next(
        (photo for photo in (question.photo, *(turn.photo for turn in reversed(question.turns))) if photo),
        None,
    )


def _grow(talk: Conversation, question: ChatQuestion) -> Iterator[ServedAnswer]:
    """The answer while it grows, without what may be the beginning of a stop; at last the whole."""
    answer = None
    for answer in talk.ask(question.text, question.decoding):
        whole = _whole(answer, question.stop)
        if whole.text != answer.text:
            yield whole
            return
        yield ServedAnswer(_safe(answer.text, question.stop), answer.probabilities)
    yield _whole(answer, question.stop)


def _whole(answer: Answer, stops: tuple[str, ...]) -> ServedAnswer:
    """The answer up to the first stop in it."""
    ends = [at for stop in stops if (at := answer.text.find(stop)) >= 0]
    if ends:
        return ServedAnswer(answer.text[: min(ends)], answer.probabilities, "stop")
    return ServedAnswer(answer.text, answer.probabilities, "length" if answer.cut_off else "stop")


def _safe(text: str, stops: tuple[str, ...]) -> str:
    """The text without an end of it that a stop may begin with."""
    held = [
        size
        for stop in stops
        for size in range(1, min(len(stop), len(text) + 1))
        if text.endswith(stop[:size])
    ]
    return text[: len(text) - max(held, default=0)]


def _told(error: Exception) -> Exception:
    """What a client is told of an error; one of ours is written down here."""
    if isinstance(error, UserError | RefusedError):
        return error
    traceback.print_exception(error, file=sys.stderr)
    return RefusedError(500, "the server failed at this request: its log says why")
