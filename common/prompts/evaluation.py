"""What is asked, word for word, and the strict reading of what is answered.

The embedded base model was trained on these wordings, and LLaVA-1.5 knows them too (the wording of choices is
its own): change one and both need checking again.
"""

import re
from collections.abc import Sequence

from common.prompts.attribute_questions import OPEN
from common.prompts.instructions import BRIEF, LETTERS
from common.prompts.recognition import validation

# of sample conversations: what differs from photo to photo
ABOUT_THE_PHOTO = (OPEN["place"][0], OPEN["prop"][0])
SIDE = "Who is on the {side} of this photo?"


def recognition_question(subject: str) -> str:
    """The one question of the recognition test."""
    return validation().question.format(name=f"<{subject}>")


def brief(question: str) -> str:
    """A question to be answered in a word, unless it says so already."""
    return question if question.endswith(BRIEF) else f"{question} {BRIEF}"


def right_letter(answer: int, order: int, options: int = 2) -> str:
    """The letter under which option number `answer`, of so many, stands in this order."""
    return LETTERS[(answer - order) % options]


def parse(answer: str, allowed: Sequence[str]) -> str | None:
    """The allowed word that `answer` is, or None.

    Only surrounding whitespace, one final period and case are forgiven. "Yes, I can" and "A. ball" are no
    answers: a reader that searches for the word counts an echo of both options as right.
    """
    bare = answer.strip().removesuffix(".").casefold()
    return next((word for word in allowed if word.casefold() == bare), None)


def only_option(answer: str, options: Sequence[str]) -> str | None:
    """The one option that a free answer holds as whole words, or None if it holds none or several.

    Case and an option's article are forgiven: "<bo> is next to the Ball." holds "a ball".
    """
    said = " ".join(re.findall(r"\w+", answer.casefold()))
    held = [option for option in options if f" {_bare(option)} " in f" {said} "]
    return held[0] if len(held) == 1 else None


def _bare(option: str) -> str:
    words = re.findall(r"\w+", option.casefold())
    return " ".join(words[1:] if len(words) > 1 and words[0] in ("a", "an", "the") else words)
