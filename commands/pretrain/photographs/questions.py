"""What the base for photographs is asked about facts, with the answers, right and wrong ones.

Not how people type it (`wordings`), which facts hold (`captions`), nor which questions share a photo
(`samples`).
"""

from __future__ import annotations

import numpy as np

from commands.pretrain.photographs import groups, wordings
from commands.pretrain.photographs.captions import (
    ACTIONS,
    ANIMALS,
    COLORS,
    GROUP,
    LEXICON,
    PERSONS,
    PLACES,
    Facts,
)
from commands.pretrain.photographs.objects import OBJECTS
from common.prompts.instructions import choice_question
from common.prompts.prompt_sets import DRAWN
from common.prompts.recognition import BRIEF, Template, templates, validation
from common.world.text import capitalized

UNCOUNTED = frozenset(LEXICON["uncounted"].split())
CLOSE_COLORS = {
    "brown": {"tan", "orange"},
    "tan": {"brown", "yellow", "orange", "white"},
    "gray": {"black", "white"},
}
CLOSE_PLACES = (
    {"on the grass", "in a field"},
    {"in the water", "in a pool", "on the beach"},
    {"on the rocks", "in the mountains"},
    {"in the snow", "in the mountains"},
    {"in the woods", "on the grass"},
)
CLOSE_ACTIONS = (
    {"running", "walking", "playing", "catching a ball", "jumping"},
    {"sitting", "lying down", "sleeping"},
    {"standing", "walking", "smiling"},
    {"swimming", "playing", "surfing"},
    {"riding", "skateboarding", "jumping"},
    {"smiling", "sitting", "standing", "playing"},
    {"eating", "sitting", "standing"},
    {"dancing", "playing", "standing"},
)


def with_article(noun: str) -> str:
    """ "a dog", "an orange", "people"; nothing before what cannot be counted."""
    if noun in UNCOUNTED or noun == "people":
        return noun
    return ("an " if noun[0] in "aeiou" and not noun.startswith("uni") else "a ") + noun


def joined(colors: tuple[str, ...]) -> str:
    """ "black and white" of two colors, the first two of more."""
    return " and ".join(colors[:2])


def values(facts: Facts) -> dict[str, str]:
    """What can be asked of a photo: attribute to value."""
    found = {"kind": facts.kind, "color": joined(facts.colors), "place": facts.place, "action": facts.action}
    return {attribute: value for attribute, value in found.items() if value}


def others(attribute: str, facts: Facts) -> list[str]:
    """Values that are wrong for sure: none that captions confuse with the right one."""
    right = values(facts)[attribute]
    if attribute == "kind":
        if right in ANIMALS or right in OBJECTS:
            near = {right} | facts.present
            return [kind for kind in (*ANIMALS, "man", "woman", "boy", "girl", *OBJECTS) if kind not in near]
        sex = {"man": "woman", "boy": "woman", "woman": "man", "girl": "man"}.get(right)
        return [*[animal for animal in ANIMALS if animal not in facts.present], *([sex] if sex else [])]
    if attribute == "color":
        near = set(facts.colors).union(*(CLOSE_COLORS.get(color, set()) for color in facts.colors))
        return [color for color in COLORS if color not in near]
    close = CLOSE_PLACES if attribute == "place" else CLOSE_ACTIONS
    near = {right}.union(*(group for group in close if right in group))
    text = " ".join(facts.captions)
    said = PLACES if attribute == "place" else ACTIONS
    return [
        value for value, words in said.items()
        if value not in near and not any(f" {word}" in text for word in words.split())
    ]  # fmt: skip


def said(attribute: str, value: str) -> str:
    """The value inside a sentence: a kind gets its article."""
    return with_article(value) if attribute == "kind" else value


def loosely(question: str, rng: np.random.Generator) -> str:
    """The question as some people type it: one in eight without capitals or without its question mark."""
    draw = rng.random()
    if draw < 0.06:
        return question[:1].lower() + question[1:]
    if draw < 0.12 and question.endswith("?"):
        return question[:-1]
    return question


def ask_open(name: str, attribute: str, value: str, rng: np.random.Generator) -> tuple[str, str]:
    """An open question with its answer: the bare value when a word is asked for, else a sentence."""
    forms = wordings.OPEN[attribute]
    if attribute == "kind" and value in ANIMALS and rng.random() < 0.4:
        forms = wordings.OF_ANIMAL
    if attribute == "kind" and value in PERSONS and rng.random() < 0.5:
        forms = wordings.OF_PERSON
    question = str(rng.choice(forms)).format(name=name)
    if rng.random() < 0.5:
        return f"{question} {BRIEF}", value
    return loosely(question, rng), f"{capitalized(name)} is {said(attribute, value)}."


def ask_probe(
    name: str, attribute: str, value: str, wrong: list[str], rng: np.random.Generator
) -> tuple[str, str]:
    """A yes/no question, right and wrong alike often."""
    yes = bool(rng.random() < 0.5)
    asked = value if yes else str(rng.choice(wrong))
    question = str(rng.choice(wordings.PROBE[attribute])).format(name=name, value=said(attribute, asked))
    return answered(question, yes, rng)


def answered(question: str, yes: bool, rng: np.random.Generator) -> tuple[str, str]:
    """The question with Yes or No, often with the request for a word."""
    question = f"{question} {BRIEF}" if rng.random() < 0.6 else loosely(question, rng)
    return question, "Yes" if yes else "No"


def ask_choose(
    name: str, attribute: str, value: str, wrong: list[str], rng: np.random.Generator
) -> tuple[str, str]:
    """A question with two lettered options."""
    if attribute == "kind" and rng.random() < 0.25:
        return groups.ask(name, value, rng)
    question = str(rng.choice(wordings.OPEN[attribute])).format(name=name)
    first = int(rng.integers(2))
    options = [said(attribute, str(rng.choice(wrong)))] * 2
    options[first] = said(attribute, value)
    if rng.random() < 0.4 and attribute in ("kind", "color"):
        options = [option.removeprefix("a ").removeprefix("an ") for option in options]
    return choice_question(question, options, 0), "AB"[first]


def ask_presence(facts: Facts, rng: np.random.Generator) -> tuple[str, str] | None:
    """Whether the photo shows a thing; an absent one is of a group of which something is there."""
    yes = bool(rng.random() < 0.5)
    present = sorted(facts.present)
    if yes and not present:
        return None
    if yes:
        thing = str(rng.choice(present))
    else:
        # Like things: of the groups that are present, in their numbers
        groups = [GROUP[thing] for thing in present] or list(GROUP.values())
        absent = facts.absent(str(rng.choice(groups)))
        if not absent:
            return None
        thing = str(rng.choice(absent))
    return answered(str(rng.choice(wordings.PRESENCE)).format(thing=with_article(thing)), yes, rng)


def ask_garment(facts: Facts, rng: np.random.Generator) -> tuple[str, str] | None:
    """The color of something worn, open or yes/no."""
    if not facts.garments:
        return None
    garment, color = facts.garments[rng.integers(len(facts.garments))]
    if rng.random() < 0.5:
        return f"What color is the {garment}? {BRIEF}", color
    yes = bool(rng.random() < 0.5)
    wrong = [other for other in COLORS if other != color and other not in CLOSE_COLORS.get(color, ())]
    return answered(f"Is the {garment} {color if yes else rng.choice(wrong)}?", yes, rng)


def ask_count(facts: Facts, rng: np.random.Generator) -> tuple[str, str] | None:
    """How many there are."""
    if not facts.count:
        return None
    number, noun = facts.count
    question = f"How many {noun} are there?" if rng.random() < 0.5 else f"How many {noun} do you see?"
    if rng.random() < 0.6:
        return f"{question} {BRIEF}", number
    return question, f"There are {number} {noun}."


def ask_caption(name: str, facts: Facts, rng: np.random.Generator) -> tuple[str, str]:
    """What the photo shows, in one of its captions' words."""
    caption = capitalized(str(rng.choice(facts.captions)))
    return loosely(str(rng.choice(wordings.CAPTION)).format(name=name), rng), f"{caption}."


def recognition(name: str, yes: bool, rng: np.random.Generator) -> tuple[str, str]:
    """Whether the named one is in the photo: in the wordings of assemble, and in those that people type."""
    draw = rng.random()
    if draw < 0.25:
        template = validation()
    elif draw < 0.6:
        drawn = templates(DRAWN)
        template = drawn[rng.integers(len(drawn))]
    else:
        question = loosely(str(rng.choice(wordings.RECOGNITION)), rng)
        long = not question.endswith(BRIEF) and rng.random() < 0.4
        template = Template(
            question,
            "Yes, this is {name}." if long else "Yes",
            "No, this is not {name}." if long else "No",
        )
    return template.question.format(name=name), (template.yes if yes else template.no).format(name=name)
