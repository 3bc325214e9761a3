"""Questions of a form about what is true of a photo, with their answers.

Not how people type them (`wordings`), nor which of them a tree holds (`samples`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import numpy as np

from commands.pretrain.photographs import questions, wordings
from commands.pretrain.photographs.captions import ANIMALS, KINDS, PERSONS, Facts
from common.world.text import capitalized

NEUTRAL = ("the subject", "the subject", "this subject", "it")
_SUBJECT = re.compile(rf"^(?:a|an|the|one)(?: [a-z-]+){{0,6}}? (?:{'|'.join(KINDS)})\b(?! and\b)")
Asked = tuple[str, str] | None


def neutral(facts: Facts, rng: np.random.Generator) -> str:
    """What a question calls the one that the photo shows: its kind, or nothing that gives the answer away."""
    if facts.kind in (*ANIMALS, *PERSONS) and rng.random() < 0.35:
        return f"the {facts.kind}"
    if facts.kind in PERSONS and rng.random() < 0.6:
        return str(rng.choice(("this person", "the person")))
    return str(rng.choice(NEUTRAL))


def ask(form: str, name: str, facts: Facts, rng: np.random.Generator, lasting: bool = False) -> Asked:
    """One question of a form (caption | open | kind | probe | choose | whole | presence | garment | count).

    `lasting` leaves out what changes from photo to photo. None where the captions give no answer.
    """
    special: Mapping[str, Callable[..., Asked]] = {
        "presence": questions.ask_presence, "garment": questions.ask_garment, "count": questions.ask_count,
    }  # fmt: skip
    if form in special:
        return special[form](facts, rng)
    if form == "caption":
        return questions.ask_caption(name, facts, rng)
    if form == "whole":
        if facts.phrase is None:
            return None
        return str(rng.choice(wordings.WHOLE)).format(name=name), f"{capitalized(name)} is {facts.phrase}."
    known = questions.values(facts)
    if "the" in name and facts.kind and facts.kind in name:
        known.pop("kind", None)
    if lasting:
        known = {attribute: value for attribute, value in known.items() if attribute in ("kind", "color")}
    if not known or (form == "kind" and form not in known):
        return None
    attribute = form if form == "kind" else str(rng.choice(sorted(known)))
    if form in ("open", "kind"):
        return questions.ask_open(name, attribute, known[attribute], rng)
    wrong = questions.others(attribute, facts)
    if not wrong:
        return None
    asker = questions.ask_probe if form == "probe" else questions.ask_choose
    return asker(name, attribute, known[attribute], wrong, rng)


def titled(name: str, facts: Facts, rng: np.random.Generator) -> Asked:
    """A caption that says the name in place of the subject."""
    captions = [caption for caption in facts.captions if _SUBJECT.match(caption)]
    if not captions or facts.kind == "people":
        return None
    caption = _SUBJECT.sub(name, str(rng.choice(captions)), count=1)
    return str(rng.choice(wordings.CAPTION)).format(name=name), f"{caption}."
