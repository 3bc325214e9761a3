"""What kind of thing a model takes a subject for, and whether that fits the kind that was declared.

A base that is out of its depth still answers: it calls a clock a rabbit, and the subject then learns to be
one. Its answers to the question for the kind tell.
"""

import re
from collections import Counter
from collections.abc import Sequence

_PERSONS = "person people man men woman women boy boys girl girls child children kid baby lady guy"
_ANIMALS = """
    animal pet dog puppy cat kitten rabbit bunny hamster mouse rat horse pony bird parrot duck goose chicken
    fish goldfish turtle tortoise lizard snake frog sheep lamb goat cow bull pig monkey bear fox wolf squirrel
    elephant lion tiger panda penguin zebra insect spider
"""
PERSONS = frozenset(_PERSONS.split())
ANIMALS = frozenset(_ANIMALS.split())
_MADE = re.compile(r"\b(?:toy|teddy|stuffed|plush\w*|statue|figurine|robot|balloon)\b", re.IGNORECASE)
_CALLED = re.compile(r"(?:^|\bis )an? ", re.IGNORECASE)
# What follows from a doubt.
NOT_KNOWN = (
    "the base model does not know such things, so do not trust what it says of them; it may still recognize"
)
CONTRADICTS = "names something else"  # why an answer is dropped
SURE = 2 / 3  # of the answers agree, or the model does not know what it sees


def doubt(kind: str, answers: Sequence[str]) -> str | None:
    """What speaks against a base's words for a subject, as the end of a sentence about it; None for nothing.

    Args:
        kind: as declared: person | pet | landmark | object | character.
        answers: to the question for the kind, one of each train photo: "It is a dog."

    """
    nouns = Counter(noun for noun in map(_noun, answers) if noun)
    if not nouns:
        return None
    said = " and ".join(f"{noun} ({count} of {len(answers)})" for noun, count in nouns.most_common(3))
    if nouns.most_common(1)[0][1] < SURE * len(answers):
        return f"is called {said} in its train photos"
    wrong = [noun for noun in nouns if not _fits(kind, noun)]
    if 2 * sum(nouns[noun] for noun in wrong) > len(answers):
        return f"is called {said} in its train photos, and declared as {kind}"
    return None


def says(noun: str, answer: str) -> bool:
    """Whether an answer has one of the words that a subject was declared to be."""
    return bool(_words(noun) & _words(answer))


def contradicts(noun: str, answer: str, *, known: bool) -> bool:
    """Whether an answer calls a subject something else than was declared.

    Of a base that has the word, as its other answers tell (`known`), these are persons and animals alone: a
    retriever is a dog. One that has not calls a teapot a ball, and whatever it calls it is something else.
    """
    if says(noun, answer):
        return False
    return bool(_words(answer) & (PERSONS | ANIMALS)) or (not known and bool(_CALLED.search(answer)))


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z-]+", text.lower())) - {"a", "an", "the"}


def _noun(answer: str) -> str | None:
    """The last word, with "toy" before it if the answer speaks of something made."""
    words = re.findall(r"[a-z-]+", answer.lower())
    return None if not words else f"toy {words[-1]}" if _MADE.search(answer) else words[-1]


def _fits(kind: str, noun: str) -> bool:
    if kind == "person":
        return noun in PERSONS
    if kind == "pet":
        return noun in ANIMALS
    return kind == "character" or noun not in PERSONS | ANIMALS
