"""Whether somebody or something is a person, an animal or a thing."""

from __future__ import annotations

import numpy as np

from commands.pretrain.photographs import wordings
from commands.pretrain.photographs.captions import ANIMALS, LEXICON, PERSONS
from common.prompts.instructions import choice_question

BEASTS = {*ANIMALS, *LEXICON["beasts"].split()}
GROUPS = ("a person", "an animal", "a thing")


def group(kind: str) -> str:
    """What sort of being a kind is: "a person", "an animal" or "a thing"."""
    if kind in (*PERSONS, "people"):
        return "a person"
    return "an animal" if kind in BEASTS else "a thing"


def ask(name: str, kind: str, rng: np.random.Generator) -> tuple[str, str]:
    """Which of two groups it belongs to, with two lettered options."""
    right = group(kind)
    options = [right, str(rng.choice([other for other in GROUPS if other != right]))]
    answer = int(rng.integers(2))
    options = options[::-1] if answer else options
    first, second = options if rng.random() < 0.5 else options[::-1]
    question = str(rng.choice(wordings.GROUP)).format(name=name, first=first, second=second)
    return choice_question(question, options, 0), "AB"[answer]
