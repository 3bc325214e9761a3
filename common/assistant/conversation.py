"""A conversation: its turns, the photo it is about, and who is in place."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from common import vlm
from common.assistant.assistant import Assistant
from common.core import crop, images, paths, progress
from common.methods.interface import PHOTO, InPrompt, Request
from common.vlm import families

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True)
class Turn:
    """A question that was answered.

    Attributes:
        question: as it was asked.
        subjects: who was in place.
        image: the photo that it was about, or None.
        answer: what was said.

    """

    question: str
    subjects: tuple[str, ...]
    image: "Image.Image | None"
    answer: vlm.Answer


class Conversation:
    """Questions by one method, one after another, each of them about the photo shown last, if any.

    Up to `assistant.history` turns stay in view; with 0 each question stands alone. A method that does not
    have all it knows in the prompt (`InPrompt`) answers each question alone, too, and greedily.
    """

    def __init__(
        self,
        assistant: Assistant,
        subjects: Sequence[str] = (),
        method: str = paths.SOFT_PROMPT,
        image: "Image.Image | None" = None,
    ) -> None:
        """Begin; raises UserError if a subject or the method is unknown, or not learned.

        Args:
            assistant: what answers.
            subjects: who is in place from the beginning; others are as soon as a question names them.
            method: one of `assistant.titles`.
            image: the photo that is talked about; None to talk about the subjects alone.

        """
        assistant.named(" ".join(f"<{subject}>" for subject in subjects))
        self.assistant, self.subjects = assistant, list(subjects)
        self.turns: list[Turn] = []
        self.image: Image.Image | None = None
        self._dialog: vlm.Dialog | None = None
        self._prefixes: tuple[Image.Image | None, vlm.Prefixes] | None = None  # of the photo that they show
        self.use(method)
        self.look_at(image)

    def use(self, method: str) -> None:
        """Let this method answer from now on; UserError if it is unknown, or a subject not learned by it."""
        with self.assistant.lock:
            source = self.assistant.method(method)
            self.assistant.check_learned(method, self.subjects)
            if isinstance(source, InPrompt):
                source.definition(self.subjects)
        self.method, self._source, self._dialog = method, source, None

    def look_at(self, image: "Image.Image | None") -> None:
        """Show a photo from now on, or none; say so if its sides are not seen.

        Without a photo, and with a model that sees one photo alone, the turns so far are forgotten.
        """
        if image and families.cuts(self.assistant.base.processor) and crop.off_square(image.size):
            progress.say(crop.sentence("of this photo,", self.assistant.base.name))
        self.image = image
        if self.turns and (
            image is None or self.assistant.base.model.config.model_type not in families.INTERLEAVED
        ):
            self.reset()

    def reset(self) -> None:
        """Forget all turns; photo and subjects stay."""
        self.turns, self._dialog = [], None

    def tell(self, question: str, answer: str) -> None:
        """Take a turn over that was had elsewhere, about the photo shown last; errors as of `ask`."""
        subjects = self._in_view(question)
        self.turns.append(Turn(question, subjects, self.image, vlm.Answer(answer, ())))
        self._dialog = None  # it is read when the next question is asked

    def ask(self, question: str, decoding: vlm.Decoding | None = None) -> Iterator[vlm.Answer]:
        """Answer, growing; the last answer is whole and becomes a turn. Leaving early ends the answer there.

        Raises UserError at once if the question is not UTF-8, names somebody who is unknown or not learned,
        holds a special token, or is too long; the conversation is then as it was.
        """
        subjects = self._in_view(question)
        with self.assistant.lock:
            if isinstance(self._source, InPrompt):
                answers = self._in_place(question, subjects, decoding or self.assistant.decoding)
            else:
                answers = iter([self._alone(question, subjects, decoding or self.assistant.decoding)])
        dialog, self._dialog = self._dialog, None  # it has read a question that nothing is answered to yet
        return self._kept(question, subjects, answers, dialog)

    @property
    def stands_alone(self) -> bool:
        """Whether the next question is answered without the turns so far."""
        return not (isinstance(self._source, InPrompt) and self.turns and self.assistant.history)

    def request(self, question: str, max_new_tokens: int) -> Request:
        """A question that `stands_alone`, for `reply_all`, to be answered with others' at once.

        Its photo's key is PHOTO. Raises UserError if it is not UTF-8, or names somebody who is unknown.
        """
        photo = PHOTO if self.image else None
        return self.assistant.request(self.method, self._in_view(question), question, photo, max_new_tokens)

    def _in_view(self, question: str) -> tuple[str, ...]:
        """Who is in place when this is asked."""
        before = self.subjects if self.stands_alone else self.turns[-1].subjects
        subjects = tuple(dict.fromkeys([*before, *self.assistant.named(question)]))
        self.assistant.check_learned(self.method, subjects)
        return subjects

    def _kept(
        self,
        question: str,
        subjects: tuple[str, ...],
        answers: Iterator[vlm.Answer],
        dialog: vlm.Dialog | None,
    ) -> Iterator[vlm.Answer]:
        """Give the answers, the model used by nobody else meanwhile; keep the last, and the dialog."""
        answer = None
        try:
            while True:
                with self.assistant.lock:
                    grown = next(answers, None)
                if grown is None:
                    return
                answer = grown
                yield answer
        finally:
            if answer is not None:
                self.turns.append(Turn(question, subjects, self.image, answer))
                self._dialog = dialog

    def _alone(self, question: str, subjects: tuple[str, ...], decoding: vlm.Decoding) -> vlm.Answer:
        photos = {PHOTO: images.png(self.image)} if self.image else {}
        request = self.assistant.request(
            self.method, subjects, question, PHOTO if photos else None, decoding.max_new_tokens
        )
        return self.assistant.answer_all(self.method, photos, [request])[0]

    def _in_place(
        self, question: str, subjects: tuple[str, ...], decoding: vlm.Decoding
    ) -> Iterator[vlm.Answer]:
        try:
            return self._put(question, subjects, decoding)
        except vlm.ContextFullError:
            if not self.turns:
                raise
            self.reset()
            return self._put(question, subjects, decoding)

    def _put(self, question: str, subjects: tuple[str, ...], decoding: vlm.Decoding) -> Iterator[vlm.Answer]:
        history = self.assistant.history
        dialog = self._dialog
        if dialog is None or dialog.turns > history:
            # Where there are too many, half of them go, or every question would begin anew from now on.
            count = len(self.turns) if len(self.turns) <= history else history // 2
            dialog = self._begun(self.turns[len(self.turns) - count :])
        placed = self.turns[-1].subjects if dialog.turns else ()
        definition = self._source.definition([subject for subject in subjects if subject not in placed])
        another = dialog.turns and self.image is not self.turns[-1].image
        answers = dialog.ask(question, definition, self.image if another else None, decoding=decoding)
        self._dialog = dialog
        return answers

    def _begun(self, turns: Sequence[Turn]) -> vlm.Dialog:
        """Begin the dialog anew with these turns in it."""
        first = turns[0].image if turns else self.image
        if self._prefixes is None or self._prefixes[0] is not first:
            self._prefixes = first, vlm.encode_prefixes(self.assistant.base, [first] if first else [], 1)
        dialog = vlm.Dialog(self.assistant.base, self._prefixes[1], 0 if first else None)
        placed: tuple[str, ...] = ()
        shown = first
        for turn in turns:
            new = [subject for subject in turn.subjects if subject not in placed]
            image = None if turn.image is shown else turn.image
            dialog.tell(turn.question, turn.answer.text, self._source.definition(new), image)
            placed, shown = turn.subjects, turn.image
        return dialog
