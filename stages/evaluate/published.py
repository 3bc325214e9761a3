"""How the published scripts read an answer, beside our strict reading (`parse`).

Both are reported: these forgive what a strict reader does not, and take for an answer what may be none.
"""

from collections.abc import Sequence

from common.prompts.evaluation import LETTERS

SEPARATORS = str.maketrans(dict.fromkeys(".()[],:;!*#{}", " "))
ARTICLE = 3  # in an answer of more words, an "A" may be an article


def yes_or_no(answer: str) -> str:
    """POPE as LLaVA's eval_pope.py reads it: no if the first sentence has a "No", "no" or "not", else yes."""
    words = answer.partition(".")[0].replace(",", "").split(" ")
    return "no" if {"No", "no", "not"} & set(words) else "yes"


def letter(answer: str, options: Sequence[str]) -> str | None:
    """MMBench as its toolkit VLMEvalKit reads it, without a judge: the only letter, else the only option.

    None if there is neither; such an answer counts as wrong.
    """
    letters = LETTERS[: len(options)]
    words = answer.translate(SEPARATORS).split()
    said = [letter for letter in letters if letter in words]
    if len(said) == 1 and not ("A" in words and len(words) > ARTICLE):
        return said[0]
    lower = answer.lower()
    if len(lower) > 2 * sum(map(len, options)):
        return None
    told = [letter for letter, option in zip(letters, options, strict=True) if option.lower() in lower]
    return told[0] if len(told) == 1 else None
