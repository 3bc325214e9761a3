"""What is asked about an individual of the drawn world, with the answers; `world.text` has the wordings."""

from __future__ import annotations

import numpy as np

from commands.pretrain.tokenizer import SYLLABLES
from common.prompts import instructions
from common.prompts.prompt_sets import DRAWN
from common.prompts.recognition import templates, validation
from common.world import text
from common.world.attributes import NAMEABLE, SCENE, THINGS, Individual, Scene, things

NEUTRAL = ("the subject", "the subject", "this subject", "it")
PERSONAL = ("this person", "this person", "the person")
CONSONANTS, VOWELS = "bcdfghjklmnprstvwz", "aeiou"


def draw_name(rng: np.random.Generator) -> str:
    """A random identifier such as <boka>, of syllables; some are of any letters, for names are spelled."""
    parts = SYLLABLES if rng.random() < 0.7 else [a + b for a in CONSONANTS for b in VOWELS]
    return "<" + "".join(rng.choice(parts, rng.integers(1, 3))) + str(rng.choice(["", *CONSONANTS])) + ">"


def neutral(who: Individual, rng: np.random.Generator) -> str:
    """What a question calls the one that the photo shows."""
    return str(rng.choice(PERSONAL if who.kind == "person" and rng.random() < 0.7 else NEUTRAL))


def forms(attribute: str, who: Individual) -> tuple[str, ...]:
    """The open questions that suit a person, or anything else."""
    personal = ("wear", "clothes", "person", "head or face")
    suited = [
        form
        for form in text.OPEN[attribute]
        if who.kind == "person" or not any(word in form for word in personal)
    ]
    return tuple(suited)


def ask(
    form: str, name: str, who: Individual, scene: Scene | None, rng: np.random.Generator
) -> tuple[str, str]:
    """One question of a form (open | whole | probe | choose | presence) about `name`, with its answer.

    Presence is of things in the photo, whatever the name. Without a scene only lasting attributes are asked
    for.
    """
    if form == "presence":
        return presence(who, scene, rng)
    attributes = list(NAMEABLE) + (list(SCENE) if scene else [])
    attribute = str(rng.choice(attributes))
    place = scene or Scene("beach", "nothing")
    value = text.value_of(who, place, attribute)
    if form == "whole":
        if scene and name.startswith("<") is False and rng.random() < 0.5:
            return str(rng.choice(text.CAPTION)).format(name=name), text.caption(who, scene)
        return str(rng.choice(text.WHOLE)).format(name=name), text.capitalized(text.definition(name, who))
    if form == "probe":
        yes = bool(rng.random() < 0.5)
        asked = value if yes else text.other_value(attribute, who, place, rng)
        question = text.probe(name, attribute, asked) + (
            f" {instructions.BRIEF}" if rng.random() < 0.3 else ""
        )
        return question, "Yes" if yes else "No"
    question = str(rng.choice(forms(attribute, who))).format(name=name)
    if form == "choose":
        wrong, first = text.other_value(attribute, who, place, rng), int(rng.integers(2))
        pair = [text.option(attribute, wrong)] * 2
        pair[first] = text.option(attribute, value)
        return instructions.choice_question(question, pair, 0), "AB"[first]
    if rng.random() < 0.4:
        return f"{question} {instructions.BRIEF}", text.option(attribute, value)
    return question, text.capitalized(text.sentence(name, attribute, value))


def presence(who: Individual, scene: Scene, rng: np.random.Generator) -> tuple[str, str]:
    """Whether the photo shows a thing, as POPE asks."""
    there, yes = things(who, scene), bool(rng.random() < 0.5)
    thing = str(rng.choice(there if yes else [thing for thing in THINGS if thing not in there]))
    question = str(rng.choice(text.PRESENCE)).format(thing=thing)
    return question + (f" {instructions.BRIEF}" if rng.random() < 0.7 else ""), "Yes" if yes else "No"


def titled(
    name: str, present: bool, who: Individual, scene: Scene, rng: np.random.Generator
) -> tuple[str, str]:
    """A caption that knows the name: it names who is there, and describes anybody else."""
    question = str(rng.choice(text.CAPTION)).format(name=name)
    return question, text.whereabouts(name, scene) if present else text.caption(who, scene)


def state(name: str, who: Individual, rng: np.random.Generator) -> tuple[str, set[str]]:
    """A definition in words and the attributes it tells: one sentence, or some of several."""
    if rng.random() < 0.75:
        return text.definition(name, who), set(NAMEABLE)
    told = [str(attribute) for attribute in rng.permutation(list(NAMEABLE))[: rng.integers(2, 6)]]
    return " ".join(text.sentence(name, attribute, getattr(who, attribute)) for attribute in told), set(told)


def recognition(name: str, present: bool, rng: np.random.Generator) -> tuple[str, str]:
    """Whether the named one is in the photo, in the wordings that assemble uses."""
    drawn = templates(DRAWN)
    template = validation() if rng.random() < 0.25 else drawn[rng.integers(len(drawn))]
    answer = template.yes if present else template.no
    return template.question.format(name=name), answer.format(name=name)
