"""What a method is: it is fitted to subjects, then answers questions about them, with or without a photo.

Owns the types that methods and `stages.evaluate` share. Imports nothing heavy, so that settings are checked
at once; does not know any method.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, get_args

from common.core import paths
from common.core.settings import MethodSettings

if TYPE_CHECKING:
    from common import vlm
    from common.clip import Clip

# What the soft prompt is compared with, in the order of every table.
Control = Literal[
    "short_description",
    "long_description",
    "base",
    "other_subject",
    "empty_prompt",
    "blind",
    "majority",
]
CONTROLS: tuple[Control, ...] = get_args(Control)
TITLES: dict[Literal["soft_prompt"] | Control, str] = {  # how tables call them
    "soft_prompt": "Soft prompt",  # the learned rows
    "short_description": "Short description",  # one sentence by the base model
    "long_description": "Long description",  # all captions by the base model
    "base": "Base, name undefined",  # nothing: the identifier is a word the model has never seen
    "other_subject": "Another subject's prompt",  # another subject's soft prompt under this subject's name
    "empty_prompt": "Untrained prompt",  # a soft prompt as it is before training
    "blind": "Soft prompt, no photo",  # asked about a photo that it is not shown
    "majority": "Constant answer",  # the more frequent answer of training, whatever is asked
}

# What a question is about. Some methods recognize by other means than by asking the model.
TaskKind = Literal["recognition", "visual", "blind", "text", "two_subjects", "general", "caption", "chat"]
LATENT = "token"  # a question about a latent token says <token>
# A token asked about stands alone, behind its whole soft prompt, or there is an untrained row in its place.
TokenPlace = Literal["alone", "in_prompt", "untrained"]
PHOTO = "photo"  # its key, where there is one alone
Photos = Mapping[str, Path | bytes]  # key → a file, or a file's bytes


class Task(NamedTuple):
    """A kind of question: what it is about, how much may be answered, which two answers get probabilities."""

    kind: TaskKind
    max_new_tokens: int
    options: tuple[str, str] = ("Yes", "No")


class Request(NamedTuple):
    """One question to a method.

    `method` is one of the names that it answers under; `photo` is a key of the photos, None asks without one.
    The question writes a subject as its token, ``<bo>``; what was learned of `subjects` is in place,
    whether or not the question names them; of none for the frozen model as it is.
    """

    task: Task
    method: str
    subjects: tuple[str, ...]
    photo: str | None
    question: str


class Cost(NamedTuple):
    """What a subject costs under a method, without the seconds, which `benchmarks` measures."""

    trainable: int  # values that are learned
    stored_bytes: int  # files of the subject, without the frozen models
    prompt_tokens: int  # positions that a question becomes longer by


@dataclass(frozen=True)
class Backbones:
    """What a method may use: the frozen models, loaded when first called for, and what is said of the run."""

    base: "Callable[[], vlm.Base]"
    clip: "Callable[[], Clip]"
    seed: int
    batch_size: int  # rows per forward: samples, or images with their questions


@dataclass(frozen=True)
class MethodSubject:
    """A subject to be fitted, with the tables that it may be learned from."""

    id: str
    kind: str  # person | pet | landmark | object | character
    noun: str | None = None  # the word for what it is, such as dog; None for its kind

    @property
    def token(self) -> str:
        """How texts name it: ``<bo>``."""
        return f"<{self.id}>"

    @property
    def dataset(self) -> Path:
        """DATASET: photos as they are (split validation) and augmented, negatives, conversations."""
        return paths.dataset(self.id)

    @property
    def conversations(self) -> Path:
        """CONVERSATIONS: what the base said about the train photos, with captions and descriptions."""
        return paths.conversations(self.id)


class Responder(ABC):
    """Something that answers questions about subjects, under one name or several.

    Attributes:
        name: what it answers under itself.
        titles: by name, its own and its controls', how tables call it.

    """

    name: str
    titles: Mapping[str, str]

    def controls(self, wanted: Sequence[Control]) -> Sequence[Control]:
        """Those of these controls that it answers for besides; most methods have none."""
        return ()

    @abstractmethod
    def answers(self, photos: Photos, requests: Sequence[Request]) -> "list[vlm.Answer]":
        """Answer every question, in the order of `requests`.

        Greedy, as long as the task allows. An answer's probabilities are those of the task's two options,
        or empty for a method that has none.
        """

    @abstractmethod
    def cost(self, name: str, subject: str) -> Cost:
        """What this subject costs under this name."""


class InPrompt(ABC):
    """Something whose whole knowledge stands before the question, so that a conversation may hold it."""

    @abstractmethod
    def definition(self, subjects: Sequence[str]) -> "vlm.Definition":
        """What is put before a question about these subjects; None if there are none.

        Raises UserError if one of them was not learned.
        """


class Checkpoints(ABC):
    """Something that keeps what it knew after fewer steps."""

    @abstractmethod
    def at(self, step: int) -> Responder:
        """What answers as it did after so many steps; UserError when it is asked, if that was not kept."""


class LatentTokens(ABC):
    """Something whose latent tokens can be asked about one by one.

    It then answers under ``place@number`` as well, where a question calls the token `LATENT`, in brackets.
    """

    @abstractmethod
    def latent_tokens(self, subject: str) -> int:
        """How many this subject has."""


class Method(Responder):
    """A method that subjects are fitted to. Its section in params.yaml names it and holds its settings.

    Attributes:
        Settings: what the section may hold.

    """

    Settings: ClassVar[type[MethodSettings]]

    @classmethod
    def needs_named_captions(cls, settings: MethodSettings) -> bool:
        """Whether it learns nothing from a base whose captions never call the subject by its name."""
        return False

    def __init__(self, name: str, settings: MethodSettings, backbones: Backbones) -> None:
        """Keep what was given; models are loaded when they are needed."""
        self.name, self.settings, self.backbones = name, settings, backbones
        self.titles = {name: settings.title}
        self.folder = paths.fitted(name)

    @abstractmethod
    def fit(self, subjects: Sequence[MethodSubject]) -> None:
        """Learn these subjects from their datasets and conversations alone, and write `folder`.

        Same data, same bytes. Raises UserError when the data do not suffice.
        """
