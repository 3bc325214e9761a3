"""How the published scorers of further benchmarks read an answer and what it is worth, from 0 to 1.

TextVQA and VQAv2: soft accuracy after EvalAI's normalization, as in LLaVA's m4c_evaluator.py. GQA: equal,
as its eval.py after LLaVA's convert_gqa_for_eval.py. MME: yes or no in the first letters, as its
calculation.py. ScienceQA: the letter, as LLaVA's eval_science_qa.py; an answer without one is wrong.
"""

import re
from collections.abc import Sequence

ENOUGH = 3  # people who say the same
NUMBERS = ["none", "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
DIGITS = {word: str(max(number - 1, 0)) for number, word in enumerate(NUMBERS)}
ARTICLES = ("a", "an", "the")
PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
COMMA_IN_NUMBER = re.compile(r"\d,+\d")
PERIOD = re.compile(r"\.(?!\d)")  # not of a decimal number
STEMS = {  # ending -> words that are known without its apostrophe
    "n't": "ai are ca could did does do had has have is might must need ought sha should was were wo would",
    "'ve": "could might must not should they we what where who would you",
    "'d": "he how it someone something there they where who you",
    "'ll": "how it somebody someone something they what who why you y'all",
    "'re": "there they what why you",
    "'s": "he how somebody someone that there what when where who why",
}
TWICE = {  # two endings -> words that are known without either apostrophe
    ("n't", "'ve"): "could had might should would",
    ("'d", "'ve"): "he it she somebody someone something there they we who you y'all",
}


def _contractions() -> dict[str, str]:
    """Contractions without an apostrophe → with it. Those of words are ambiguous (wed, ill) and stay."""
    known = {"maam": "ma'am", "oclock": "o'clock", "twas": "'twas", "yall": "y'all", "yall'll": "y'all'll"}
    known |= {"yall'd've": "y'all'd've", "somebody'd": "somebodyd"}
    for ending, stems in STEMS.items():
        known |= {stem + ending.replace("'", ""): stem + ending for stem in stems.split()}
    for (first, second), stems in TWICE.items():
        for stem in stems.split():
            whole = stem + first + second
            known |= {
                stem + first.replace("'", "") + second: whole,
                stem + first + second.replace("'", ""): whole,
            }
    return known


CONTRACTIONS = _contractions()


def normalized(answer: str) -> str:
    """EvalAI's form of an answer: lower case, hardly any punctuation, digits up to ten, no articles."""
    text = answer.lower().replace(",", "").replace("?", "").replace("'s", " 's")
    text = " ".join(text.split())
    spaced = COMMA_IN_NUMBER.search(text)
    bare = text
    for mark in PUNCTUATION:
        drop = spaced or f"{mark} " in text or f" {mark}" in text
        bare = bare.replace(mark, "" if drop else " ")
    words = (DIGITS.get(word, word) for word in PERIOD.sub("", bare).split())
    return " ".join(CONTRACTIONS.get(word, word) for word in words if word not in ARTICLES)


def soft_accuracy(answer: str, answers: Sequence[str]) -> float:
    """Mean over people of min(1, others who said the same / 3): TextVQA's and VQAv2's accuracy."""
    said, known = normalized(answer), [normalized(one) for one in answers]
    same = known.count(said)
    return sum(min(1.0, (same - (one == said)) / ENOUGH) for one in known) / len(known)


def equal(answer: str, answers: Sequence[str]) -> float:
    """GQA's accuracy: the one right word, but for case and final periods."""
    return float(answer.rstrip(".").lower() == answers[0])


def yes_or_no(answer: str, answers: Sequence[str]) -> float:
    """MME's accuracy: a yes, else a no, within the first four letters."""
    first = answer.strip().lower()[:4]
    said = "yes" if "yes" in first else "no" if "no" in first else None
    return float(said == answers[0])


def letter(answer: str, answers: Sequence[str]) -> float:
    """ScienceQA's accuracy: the letter alone or before a period, else after the only "The answer is"."""
    text = answer.strip()
    if first := re.match(r"([A-E])(\. |$)", text):
        return float(first[1] == answers[0])
    return float(re.findall(r"The answer is ([A-Z]).", text) == [answers[0]])
