"""The benchmark's two-choice questions: about a test photo, and about the subject without a photo."""

from __future__ import annotations

from typing import Any

import numpy as np

from common.prompts.attribute_questions import OF_PEOPLE, OPEN
from common.world.attributes import NAMEABLE, SCENE, Individual, Scene
from common.world.text import option, other_value, value_of


def choice(
    name: str, who: Individual, scene: Scene, attribute: str, rng: np.random.Generator
) -> dict[str, Any]:
    """What this attribute of `name` is, with the right option and a wrong one; "answer" numbers the right."""
    right = option(attribute, value_of(who, scene, attribute))
    wrong = option(attribute, other_value(attribute, who, scene, rng))
    answer = int(rng.integers(2))
    form = OF_PEOPLE.get(attribute) if who.kind == "person" else None
    return {
        "question": (form or OPEN[attribute][0]).format(name=name),
        "options": [wrong, right] if answer else [right, wrong],
        "answer": answer,
    }


def visual_questions(
    name: str, who: Individual, scene: Scene, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Where the subject is and what is next to it, in this photo."""
    return [choice(name, who, scene, attribute, rng) for attribute in SCENE]


def text_questions(name: str, who: Individual, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Two questions per lasting attribute, with different wrong options."""
    nowhere = Scene("beach", "nothing")
    return [choice(name, who, nowhere, attribute, rng) for attribute in NAMEABLE for _ in range(2)]
