"""What one visitor of the page has chosen, shown and asked: owns the conversations and what was said."""

import base64
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from commands.page import measured
from commands.page.entries import Entry, Exchange, MethodAnswer, Note, Presence, ProbabilityBar
from common.assistant import Assistant, Conversation, hint
from common.core import images, paths
from common.core.errors import UserError
from common.core.foreign import plain

if TYPE_CHECKING:
    from PIL import Image

THUMBNAIL = 320  # pixels


class Visitor:
    """One open page.

    Attributes:
        subjects: who is chosen.
        method: what answers.
        other: what answers beside it, or None.
        entries: what was said, in order.
        seen: of the page's subjects and training, when this page was last drawn.

    """

    def __init__(self, assistant: Assistant) -> None:
        """Begin with nothing chosen."""
        self.assistant = assistant
        self.subjects: list[str] = []
        self.method, self.other = paths.SOFT_PROMPT, ""
        self.entries: list[Entry] = []
        self.seen: tuple[object, ...] = ()
        self._image: Image.Image | None = None
        self._thumbnail: str | None = None
        self._conversations: list[Conversation] = []
        self._stop = threading.Event()

    @property
    def methods(self) -> list[str]:
        """Who answers."""
        return [self.method, self.other] if self.other and self.other != self.method else [self.method]

    def choose(self, subject: str) -> None:
        """Choose a subject, or no longer; the next question begins a conversation."""
        if subject in self.subjects:
            self.subjects.remove(subject)
        elif subject in self.assistant.subjects:
            self.subjects.append(subject)
        self._begin_anew()

    def use(self, method: str, other: str) -> None:
        """Let these answer; the next question begins a conversation."""
        self.method, self.other = method, other
        self._begin_anew()

    def look_at(self, photo: str | None) -> None:
        """Show a photo file from the next question on, or none; UserError, and none, for what is no photo."""
        self._image = self._thumbnail = None
        if photo is not None:
            self._image = images.load_image(Path(photo).read_bytes(), Path(photo).name)
            small = base64.b64encode(images.thumbnail(self._image, THUMBNAIL)).decode()
            self._thumbnail = f"data:image/jpeg;base64,{small}"

    def stop(self) -> None:
        """End the answer that is growing."""
        self._stop.set()

    def reset(self) -> None:
        """Forget what was said; the choice and the photo stay."""
        self.stop()
        self._begin_anew()
        self.entries = []

    def forget(self, subject: str) -> None:
        """Choose a subject no longer that is gone or is learned anew."""
        if subject in self.subjects:
            self.choose(subject)

    def ask(self, question: str) -> Iterator[Exchange]:
        """Ask all methods at once; give their answers while they grow, and keep them.

        Raises UserError as `Conversation` and `Conversation.ask` do.
        """
        self._stop.clear()
        entries = self.entries  # of the conversation that is asked, even if another begins meanwhile
        titles = [self.assistant.titles[method] for method in self.methods]
        said = Exchange(question, self._thumbnail, tuple(MethodAnswer(title, "") for title in titles))
        yield said
        growing: list[Iterator] = []
        whole = False
        try:
            growing += [conversation.ask(question) for conversation in self._ready()]
            for answers in zip_longest(*growing):
                texts = [before if now is None else plain(now.text) for before, now in _pairs(said, answers)]
                said = replace(said, answers=tuple(map(MethodAnswer, titles, texts)))
                yield said
                if self._stop.is_set():
                    break
            whole = not self._stop.is_set()
        finally:
            for answers in growing:
                answers.close()
            if any(answer.text for answer in said.answers) or whole:
                stopped = tuple(replace(answer, stopped=not whole) for answer in said.answers)
                entries.append(replace(said, answers=stopped, hint=self._hint(question)))

    def recognize(self) -> None:
        """Ask of every trained subject whether the photo shows it, and keep the answers; raises UserError."""
        if self._image is None or self._thumbnail is None:
            raise UserError("there is no photo to look at: drop one beside the question, or use the camera")
        trained = self.assistant.trained()
        if not trained:
            raise UserError("no subject is trained yet: add one, or train one that is there")
        by_method = []
        for method in self.methods:
            known = measured.evaluations(method, trained)
            bars = []
            for subject, told in self.assistant.recognize(self._image, trained, method).items():
                evaluation = known.get(subject) if told.yes is not None else None
                meaning = (evaluation.bin_of(told.yes), evaluation.threshold) if evaluation else (None, None)
                bars.append(ProbabilityBar(subject, plain(told.answer), told.yes, *meaning))
            bars.sort(key=lambda bar: -(bar.yes or 0.0))
            by_method.append((self.assistant.titles[method], tuple(bars)))
        self.entries.append(Presence(self._thumbnail, tuple(by_method)))

    def _ready(self) -> list[Conversation]:
        if not self._conversations:
            self._conversations = [
                Conversation(self.assistant, self.subjects, method, self._image) for method in self.methods
            ]
        for conversation in self._conversations:
            if conversation.image is not self._image:
                conversation.look_at(self._image)
        return self._conversations

    def _begin_anew(self) -> None:
        if self._conversations and self.assistant.history and self.entries:
            self.entries.append(Note("A new conversation begins here."))
        self._conversations = []

    def _hint(self, question: str) -> str:
        before = any(entry.form == "exchange" for entry in self.entries)
        return hint(
            question,
            photo=self._image is not None,
            forgotten=before and not self.assistant.history,
        )


def _pairs(said: Exchange, answers: Sequence) -> Iterator[tuple[str, object]]:
    return zip((answer.text for answer in said.answers), answers, strict=True)
