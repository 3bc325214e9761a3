"""How a question asks to be answered: what both training and the test put behind it."""

from collections.abc import Sequence

BRIEF = "Answer the question using a single word or phrase."
LETTER = "Answer with the option's letter from the given choices directly."
LETTERS = ("A", "B", "C", "D", "E")


def choice_question(question: str, options: Sequence[str], order: int) -> str:
    """A question with up to four options, moved up by `order` places: 1 exchanges two."""
    moved = [*options[order:], *options[:order]]
    choices = [f"{letter}. {option}" for letter, option in zip(LETTERS, moved, strict=False)]
    return "\n".join([question, *choices, LETTER])
