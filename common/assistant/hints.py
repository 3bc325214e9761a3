"""What is told beside an answer: that a question speaks of what the model did not see.

Words of the question alone decide; the model is not asked.
"""

import re

from common.core.names import NAME

NO_PHOTO = "No photo was shown, so this is what the model remembers, or a guess."
ALONE = "This model does not see what was said before: say in each question whom it is about."
_SHOWN_PLACE = re.compile(
    r"\b(photo|picture|image|here|there|this|these|see|seen|left|right|next to|wear\w*|holding|background)\b"
)
_SAID_BEFORE = re.compile(r"\b(it|its|he|him|his|she|her|they|them|their|that|before|again|too|else)\b")


def hint(question: str, *, photo: bool, forgotten: bool) -> str:
    """One sentence, or nothing.

    Args:
        question: plain text.
        photo: whether one was shown.
        forgotten: whether there were earlier questions that are out of view.

    """
    words = question.lower()
    if not photo and _SHOWN_PLACE.search(words):
        return NO_PHOTO
    return ALONE if forgotten and _SAID_BEFORE.search(words) and not NAME.search(question) else ""
