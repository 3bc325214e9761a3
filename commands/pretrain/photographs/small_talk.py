"""Small talk beside what is learned of photos: short answers alone would teach a language model nothing else.

About somebody whom a sentence defines, or about anything. Written for this base, in `small_talk.yaml`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ruamel.yaml import YAML

from commands.pretrain.photographs.captions import ANIMALS, PERSONS, Facts

TALK = YAML(typ="safe").load(Path(__file__).with_name("small_talk.yaml"))


def general(rng: np.random.Generator) -> tuple[str, str]:
    """A question about anything, and its answer."""
    question, answer = TALK["general"][rng.integers(len(TALK["general"]))]
    return question, answer


def about(name: str, facts: Facts, rng: np.random.Generator) -> tuple[str, str]:
    """A question about somebody who is of a kind, and an answer that fits the kind."""
    chat = TALK["about"][rng.integers(len(TALK["about"]))]
    sort = "animal" if facts.kind in ANIMALS else "person" if facts.kind in PERSONS else "thing"
    question, answer = str(rng.choice(chat["question"].split(" | "))), str(rng.choice(chat[sort]))
    return question.format(name=name), answer.format(name=name, kind=facts.kind)
