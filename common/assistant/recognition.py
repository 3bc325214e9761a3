"""What a method says when it is asked whether a photo shows a subject."""

from typing import NamedTuple

from common import vlm


class Recognition(NamedTuple):
    """Whether a photo shows a subject.

    Attributes:
        answer: what was said, "Yes" or "No" by all who answer as they are asked.
        yes: probability of "Yes" among "Yes" and "No", 0 to 1; None for a method that gives none.

    """

    answer: str
    yes: float | None

    @classmethod
    def of(cls, answer: vlm.Answer) -> "Recognition":
        """Read an answer to the question of the recognition test."""
        yes, no = answer.probabilities or (None, None)
        return cls(answer.text, None if yes is None else yes / max(yes + no, 1e-12))
