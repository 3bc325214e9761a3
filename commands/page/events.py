"""What happens on a click: owns the order of what is shown, in terms of gradio's updates.

Each method is called by gradio, most with a visitor first, and returns, or gives one after another, what its
outputs show. What a user did wrong becomes a sentence on the page.
"""

import traceback
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import gradio as gr

from commands.page import views
from commands.page.entries import Note
from commands.page.visitor import Visitor
from common.core.errors import UserError, file_error
from common.core.foreign import plain

if TYPE_CHECKING:
    from commands.page.page import Page

Updates = tuple[Any, ...]


class Events:
    """Answers to clicks, for one page."""

    def __init__(self, page: "Page") -> None:
        """Remember the page."""
        self.page = page

    def gallery(self, visitor: Visitor) -> str:
        """The gallery as this visitor sees it."""
        cards, problem = self.page.cards()
        return views.gallery(cards, visitor.subjects, problem)

    def transcript(self, visitor: Visitor) -> str:
        """What this visitor and the methods said."""
        return views.transcript(visitor.entries, alone=not self.page.assistant.history)

    def opened(self) -> Updates:
        """A new visitor, gallery, transcript, the list to train or delete from, the timer."""
        visitor = self.page.visitor()
        shown = self.gallery(visitor), self.transcript(visitor)
        return visitor, *shown, gr.update(choices=[*self.page.subjects]), gr.update(active=True)

    def choose(self, visitor: Visitor, event: gr.EventData) -> Updates:
        """Gallery, transcript."""
        visitor.choose(str(event.subject))
        return self.gallery(visitor), self.transcript(visitor)

    def use(self, visitor: Visitor, method: str, other: str) -> str:
        """Transcript."""
        visitor.use(method, other)
        return self.transcript(visitor)

    def look_at(self, visitor: Visitor, photo: dict[str, Any] | None) -> Updates:
        """Photo, the sentence below it."""
        try:
            visitor.look_at(photo["path"] if photo else None)
        except UserError as error:
            return None, views.sentence(plain(str(error)), problem=True)
        return gr.skip(), ""

    def ask(self, visitor: Visitor, question: str) -> Iterator[Updates]:
        """Question, transcript, the growing answer, "Send", "Stop"."""
        question = question.strip()
        if not question:
            yield "", gr.skip(), views.sentence("Write a question first.", problem=True), *_busy(False)
            return
        kept = ""
        shown = self.transcript(visitor) if visitor.entries else ""
        try:
            for said in visitor.ask(question):
                yield kept, shown, views.growing(said), *_busy(True)
                shown = gr.skip()
        except Exception as error:  # also a defect of ours must leave the page alive
            kept = question  # so that it can be mended
            visitor.entries.append(Note(_sentence(error), problem=True))
        yield kept, self.transcript(visitor), "", *_busy(False)

    def recognize(self, visitor: Visitor) -> Iterator[Updates]:
        """Transcript, the growing answer."""
        yield self.transcript(visitor) if visitor.entries else "", views.looking()
        try:
            visitor.recognize()
        except Exception as error:  # as above
            visitor.entries.append(Note(_sentence(error), problem=True))
        yield self.transcript(visitor), ""

    def reset(self, visitor: Visitor) -> Updates:
        """Transcript, the growing answer."""
        visitor.reset()
        return self.transcript(visitor), ""

    def add(self, visitor: Visitor, subject: str, kind: str, noun: str, photos: list[str] | None) -> Updates:
        """What was said of it, the chosen photos, the gallery, the list to train or delete from, progress."""
        subject = subject.strip()
        try:
            left_out = self.page.add(subject, kind, noun, photos or [])
        except (UserError, OSError) as error:
            said = views.sentence(_sentence(error), problem=True)
            return said, gr.skip(), gr.skip(), gr.skip(), *self.progress(visitor)
        said = views.sentences(f"{subject} is added." + " Left out:" * bool(left_out), left_out)
        return said, None, self.gallery(visitor), self._listed(subject), *self.progress(visitor)

    def train(self, visitor: Visitor, subject: str) -> Updates:
        """What was said of it, progress."""
        try:
            self.page.train(subject or "")
        except (UserError, OSError) as error:
            return views.sentence(_sentence(error), problem=True), *self.progress(visitor)
        return "", *self.progress(visitor)

    def cancel(self, visitor: Visitor) -> Updates:
        """Progress."""
        self.page.training.cancel()
        return self.progress(visitor)

    def confirm(self, subject: str) -> Updates:
        """What would be deleted, and whether it may be."""
        try:
            files = self.page.files_of(subject or "")
        except UserError as error:
            return views.sentence(_sentence(error), problem=True), gr.update(visible=False)
        return views.confirm(subject, files), gr.update(visible=True)

    def delete(self, visitor: Visitor, subject: str) -> Updates:
        """What was said of it, the row of buttons, the gallery, the list to train or delete from."""
        try:
            self.page.delete(subject or "")
        except (UserError, OSError) as error:
            said = views.sentence(_sentence(error), problem=True)
            return said, gr.update(visible=False), self.gallery(visitor), gr.skip()
        visitor.forget(subject)
        said = views.sentence(f"{subject} is deleted.")
        return said, gr.update(visible=False), self.gallery(visitor), self._listed(None)

    def poll(self, visitor: Visitor) -> Updates:
        """Progress, "Cancel", gallery, the list: what has changed since this visitor saw it."""
        now = self.page.training.progress
        cards = (*self.page.subjects, now and now.subject, now and now.state)
        seen, visitor.seen = visitor.seen, (cards, (now.step, now.share) if now else None)
        if seen == visitor.seen:
            return (gr.skip(),) * 4
        if seen[:1] == (cards,):
            return *self.progress(visitor), gr.skip(), gr.skip()
        return *self.progress(visitor), self.gallery(visitor), gr.update(choices=[*self.page.subjects])

    def progress(self, visitor: Visitor) -> Updates:
        """Progress, "Cancel"."""
        training = self.page.training
        return views.progress(training.progress), gr.update(visible=training.running)

    def _listed(self, subject: str | None) -> Any:
        return gr.update(choices=[*self.page.subjects], value=subject)


def _busy(answering: bool) -> Updates:
    return gr.update(visible=not answering), gr.update(visible=answering)


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError):
        error = file_error(error.filename, error)
    if isinstance(error, UserError):
        return plain(str(error))
    traceback.print_exception(error)
    return f"this program failed ({type(error).__name__}): the terminal that it runs in says where"
