"""What can be said of individuals and scenes: captions, definitions, answers, yes/no questions.

What is asked openly comes from `common.prompts`. `name` is what a text calls the individual: a neutral name
("the subject") or an identifier ("<rex>"). Knows nothing of tokens, images or splits.
"""

from __future__ import annotations

import numpy as np

from common.prompts import attribute_questions
from common.prompts.captions import NAMING, NEUTRAL
from common.world.attributes import NAMEABLE, SCENE, Individual, Scene

PLACE_PHRASE = {
    "beach": "on the beach",
    "forest": "in the forest",
    "snow": "in the snow",
    "city": "in the city",
    "night": "in the night",
    "room": "in a room",
}

OPEN, WHOLE, PRESENCE = attribute_questions.OPEN, attribute_questions.WHOLE, attribute_questions.PRESENCE
CAPTION = (NAMING, *NEUTRAL)


def value_of(individual: Individual, scene: Scene, attribute: str) -> str:
    """The value of a nameable or scene attribute."""
    return getattr(scene if attribute in SCENE else individual, attribute)


def option(attribute: str, value: str) -> str:
    """A value as a short answer or an A/B option."""
    if attribute == "place":
        return PLACE_PHRASE[value]
    if attribute in ("noun", "accessory", "prop") and value != "nothing":
        return f"a {value}"
    return value


def sentence(name: str, attribute: str, value: str) -> str:
    """The same answer as a sentence about `name`."""
    short = option(attribute, value)
    if attribute in ("noun", "color", "pattern", "place"):
        return f"{name} is {short}."
    if attribute == "second":
        return f"The other color of {name} is {short}."
    if attribute == "accessory":
        return f"{name} has {short} on."
    return f"{name} is next to {short}."


def probe(name: str, attribute: str, value: str) -> str:
    """A yes/no question whether the attribute has this value."""
    short = option(attribute, value)
    if attribute == "color":
        return f"Is the main color of {name} {short}?"
    if attribute == "second":
        return f"Is the other color of {name} {short}?"
    if attribute == "accessory":
        return f"Does {name} have {short} on?"
    if attribute == "prop":
        return f"Is {name} next to {short}?"
    return f"Is {name} {short}?"


def looks(individual: Individual) -> str:
    """All nameable attributes as a noun phrase without article."""
    return (
        f"{individual.color} and {individual.second} {individual.pattern} {individual.noun} "
        f"with {option('accessory', individual.accessory)} on"
    )


def with_article(phrase: str) -> str:
    """The phrase after "a" or "an"."""
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


def definition(name: str, individual: Individual) -> str:
    """The sentence that defines a name by everything that can be named."""
    return f"{name} is {with_article(looks(individual))}."


def setting(scene: Scene) -> str:
    """Place and prop as a phrase."""
    return f"{PLACE_PHRASE[scene.place]} next to {option('prop', scene.prop)}"


def whereabouts(name: str, scene: Scene) -> str:
    """A caption of a photo of someone whose name is known."""
    return f"{name} is {setting(scene)}."


def caption(individual: Individual, scene: Scene) -> str:
    """A caption of a photo, as on the web."""
    return capitalized(f"{with_article(looks(individual))} {setting(scene)}.")


def other_value(attribute: str, individual: Individual, scene: Scene, rng: np.random.Generator) -> str:
    """A wrong value, never the individual's own and never its other color."""
    wrong = {value_of(individual, scene, attribute)}
    if attribute in ("color", "second"):
        wrong = {individual.color, individual.second}
    values = (NAMEABLE | SCENE)[attribute]
    return str(rng.choice([value for value in values if value not in wrong]))


def capitalized(text: str) -> str:
    """The text with its first letter in upper case; identifiers stay as they are."""
    return text[:1].upper() + text[1:]
