"""What stands in the transcript of a page: questions with their answers, who a photo shows, notes."""

from dataclasses import dataclass

from commands.page import measured

EVEN = 0.5  # above it "Yes" is the more probable answer, and so the one that is said


@dataclass(frozen=True)
class MethodAnswer:
    """What a method answers; `stopped` if somebody ended it."""

    title: str
    text: str
    stopped: bool = False


@dataclass(frozen=True)
class Exchange:
    """A question and its answers, one for each method; `photo` is a data URL, or None."""

    question: str
    photo: str | None
    answers: tuple[MethodAnswer, ...]
    hint: str = ""
    form = "exchange"


@dataclass(frozen=True)
class ProbabilityBar:
    """P(yes) of a subject (None for methods that have none), and what the last evaluation says of such.

    Attributes:
        bin: what became of probabilities that are alike; None if nothing was measured.
        threshold: from which the subject is taken to be there; None if it was not measured.

    """

    subject: str
    answer: str
    yes: float | None
    bin: measured.Bin | None
    threshold: float | None

    @property
    def mark(self) -> float:
        """Where P(yes) begins to mean that the subject is there."""
        return EVEN if self.threshold is None else self.threshold


@dataclass(frozen=True)
class Presence:
    """Who a photo shows, by method."""

    photo: str
    methods: tuple[tuple[str, tuple[ProbabilityBar, ...]], ...]
    even: float = EVEN
    form = "presence"


@dataclass(frozen=True)
class Note:
    """A sentence between the others: a problem, or that a conversation begins."""

    text: str
    problem: bool = False
    form = "note"


Entry = Exchange | Presence | Note
