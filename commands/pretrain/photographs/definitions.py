"""Definitions in words: names, facts of somebody whom no photo shows, and whether they fit a photo."""

from __future__ import annotations

import numpy as np

from commands.pretrain.photographs import questions
from commands.pretrain.photographs.captions import ANIMALS, COLORS, PERSONS, Facts
from commands.pretrain.photographs.objects import OBJECTS

CONSONANTS, VOWELS = "bcdfghjklmnprstvwz", "aeiou"
SIZES = ("small", "large", "little", "big", "young", "old")
WORN = ("collar", "hat", "scarf", "ribbon", "bow", "coat", "tag", "harness")


def draw_name(rng: np.random.Generator) -> str:
    """An identifier of any letters, such as <boka> or <rex2>: most can be spoken, some cannot."""
    draw = rng.random()
    if draw < 0.8:
        parts = [consonant + vowel for consonant in CONSONANTS for vowel in VOWELS]
        return "<" + "".join(rng.choice(parts, rng.integers(1, 3))) + str(rng.choice(["", *CONSONANTS])) + ">"
    letters = list("abcdefghijklmnopqrstuvwxyz")
    name = "".join(rng.choice(letters, rng.integers(2, 7)))
    return f"<{name}{rng.integers(1, 10) if draw > 0.9 else ''}>"


def invented(rng: np.random.Generator) -> Facts:
    """Facts of somebody or something that no photo shows, for definitions in words."""
    kind = str(rng.choice([*ANIMALS, *ANIMALS, *PERSONS, *rng.choice(list(OBJECTS), 20)]))
    colors = tuple(str(color) for color in rng.choice(COLORS, 1 + (rng.random() < 0.35), replace=False))
    person = kind in PERSONS
    words = [str(rng.choice(SIZES))] if rng.random() < 0.4 else []
    words += [] if person else [questions.joined(colors)]
    phrase = questions.with_article(" ".join([*words, kind]))
    garments: tuple[tuple[str, str], ...] = ()
    if person or rng.random() < 0.4:
        worn = str(rng.choice(("shirt", "jacket", "hat", "dress", "coat", "cap") if person else WORN))
        shade = str(rng.choice(COLORS))
        garments = ((worn, shade),)
        phrase += f" {'in' if person else 'with'} {questions.with_article(f'{shade} {worn}')}"
    return Facts((phrase,), kind, () if person else colors, garments, None, None, None, frozenset(), phrase)


def agree(told: Facts, facts: Facts) -> bool:
    """Whether a description may fit: kinds alike, and no color that the other lacks."""
    person = {*PERSONS, "people"}
    alike = told.kind == facts.kind or (told.kind in person and facts.kind in person) or told.kind is None
    return alike and (not told.colors or not facts.colors or bool(set(told.colors) & set(facts.colors)))
