"""What follows from a kind, whoever it is: an animal, person, toy or thing, what it is made of, what it has.

A personal model is asked such things without a photo, and no caption says them.
"""

from __future__ import annotations

import numpy as np

from commands.pretrain.photographs import wordings
from commands.pretrain.photographs.captions import ANIMALS, LEXICON, PERSONS, Facts
from commands.pretrain.photographs.objects import OBJECTS
from commands.pretrain.photographs.questions import answered, loosely
from common.prompts.instructions import choice_question
from common.prompts.recognition import BRIEF
from common.world.text import capitalized

KINDS = frozenset((*ANIMALS, *PERSONS, *OBJECTS))
THING = "a thing"


def _kinds(listed: dict[str, str]) -> dict[str, frozenset[str]]:
    """Value to the kinds that it holds of; a kind of two words is written with a line between them."""
    return {
        value: frozenset(kind.replace("_", " ") for kind in kinds.split()) for value, kinds in listed.items()
    }


GROUPS, MATERIALS, PARTS = (_kinds(LEXICON["natures"][name]) for name in ("groups", "materials", "parts"))


def ask_nature(name: str, facts: Facts, rng: np.random.Generator) -> tuple[str, str] | None:
    """A question of what follows from the kind, or None where it is of no one kind."""
    if facts.kind not in KINDS:
        return None
    form = (_ask_group, _ask_material, _ask_part)[rng.choice(3, p=(0.4, 0.25, 0.35))]
    return form(name, facts.kind, rng)


def _ask_group(name: str, kind: str, rng: np.random.Generator) -> tuple[str, str]:
    right = next((group for group, kinds in GROUPS.items() if kind in kinds), THING)
    options = [right, str(rng.choice([group for group in (*GROUPS, THING) if group != right]))]
    rng.shuffle(options)
    question = f"Is {name} {options[0]} or {options[1]}?"
    return _chosen(question, name, options, right, rng)


def _ask_material(name: str, kind: str, rng: np.random.Generator) -> tuple[str, str] | None:
    right = next((material for material, kinds in MATERIALS.items() if kind in kinds), None)
    if right is None:
        return None
    options = [right, str(rng.choice([material for material in MATERIALS if material != right]))]
    rng.shuffle(options)
    return _chosen(
        str(rng.choice(wordings.MATERIAL)).format(name=name), name, options, right, rng, "made of "
    )


def _ask_part(name: str, kind: str, rng: np.random.Generator) -> tuple[str, str] | None:
    has = bool(rng.random() < 0.5)
    parts = [part for part, kinds in PARTS.items() if (kind in kinds) == has]
    if not parts:
        return None
    return answered(f"Does {name} have {rng.choice(parts)}?", has, rng)


def _chosen(
    question: str, name: str, options: list[str], right: str, rng: np.random.Generator, verb: str = ""
) -> tuple[str, str]:
    """With lettered options, for a bare answer, or for a sentence."""
    draw = rng.random()
    if draw < 0.5:
        return choice_question(question, options, 0), "AB"[options.index(right)]
    if draw < 0.8:
        return f"{question} {BRIEF}", right
    return loosely(question, rng), f"{capitalized(name)} is {verb}{right}."
