"""What all visitors share: owns the assistant, the subjects as params.yaml lists them, and the training."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from commands.page import gallery, manage
from commands.page.training import Training
from commands.page.visitor import Visitor
from common.core import paths
from common.core.errors import UserError

if TYPE_CHECKING:
    from common.assistant import Assistant
    from common.core.params import Params


class Page:
    """The subjects and what is done with them.

    Attributes:
        assistant: answers.
        subjects: id → kind and source.
        kinds: that a subject can be of.
        training: the subject that is being learned, if any.

    """

    def __init__(
        self, assistant: "Assistant", load: "Callable[[Path], Params]", kinds: Sequence[str]
    ) -> None:
        """Read params.yaml by `load`; UserError if it is not valid."""
        self.assistant, self.kinds = assistant, list(kinds)
        self.training = Training()
        self.subjects: dict[str, tuple[str, str]] = {}
        self._load = load
        self._changing = threading.Lock()
        self.read_again()

    @property
    def drawings(self) -> bool:
        """Whether the base is used for drawings: drawn subjects are among those it learns."""
        return any(source == "world" for _, source in self.subjects.values())

    def read_again(self) -> None:
        """Take over the subjects of params.yaml."""
        p = self._load(paths.PARAMS)
        self.subjects = {name: (subject.kind, subject.source) for name, subject in p.subjects.items()}
        self.assistant.subjects = {name: kind for name, (kind, _) in self.subjects.items()}

    def visitor(self) -> Visitor:
        """Somebody who opened the page."""
        return Visitor(self.assistant)

    def cards(self) -> tuple[list[gallery.SubjectCard], str]:
        """See `gallery.cards`."""
        return gallery.cards(self.subjects, self.assistant.trained())

    def picture(self, subject: str) -> bytes | None:
        """The JPEG that stands for a subject; None if there is none."""
        try:
            photo = gallery.first_photo(subject, self._source(subject))
            return gallery.picture(photo) if photo else None
        except (UserError, OSError):  # what is wrong with it is said by check, and when it is trained
            return None

    def add(self, subject: str, kind: str, noun: str, photos: Sequence[str]) -> list[str]:
        """Add a subject and begin to train it; return what is said of photos left out, or raise UserError."""
        with self._changing:
            self.training.refuse_while_running(f"add {subject}")
            left_out = manage.add(subject, kind, noun, photos)
            self.read_again()
            self.training.start(subject)
        return left_out

    def train(self, subject: str) -> None:
        """Begin to train a subject that params.yaml lists; raises UserError."""
        with self._changing:
            self._source(subject)
            self.training.start(subject)

    def files_of(self, subject: str) -> list[Path]:
        """What is deleted with a subject; UserError if there is no such."""
        return manage.files_of(subject, self._source(subject))

    def delete(self, subject: str) -> None:
        """Delete a subject and its files; raises UserError."""
        with self._changing:
            source = self._source(subject)
            self.training.forget(subject)
            manage.delete(subject, source, self._load)
            self.read_again()

    def _source(self, subject: str) -> str:
        if subject not in self.subjects:
            raise UserError("choose a subject first" if not subject else f"there is no subject {subject}")
        return self.subjects[subject][1]
