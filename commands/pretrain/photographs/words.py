"""The tokenizer's texts: captions, every wording that is asked or answered, and English beyond them."""

from __future__ import annotations

import numpy as np
from transformers import PreTrainedTokenizerFast

from commands.pretrain import tokenizer
from commands.pretrain.photographs import questions, wordings
from commands.pretrain.photographs.captions import ACTIONS, COLORS, KINDS, PLACES, THINGS, Facts
from commands.pretrain.photographs.definitions import draw_name, invented
from commands.pretrain.photographs.forms import ask
from commands.pretrain.photographs.objects import OBJECTS
from common.prompts.instructions import LETTER
from common.prompts.prompt_sets import DRAWN
from common.prompts.recognition import BRIEF, templates, validation
from common.world.text import capitalized

FORMS = ("caption", "open", "probe", "choose", "whole", "presence", "garment", "count")


def corpus(facts: list[Facts], rng: np.random.Generator) -> list[str]:
    """Texts for counting merges."""
    lines = [f"{capitalized(caption)}." for one in facts for caption in one.captions]
    for one in [*facts[::3], *(invented(rng) for _ in range(2000))]:
        asked = [ask(form, str(rng.choice(("the subject", "it"))), one, rng) for form in FORMS]
        asked += [questions.recognition(draw_name(rng), True, rng) for _ in range(2)]
        lines += [text for pair in asked if pair for text in pair]
    typed = [*wordings.RECOGNITION, *wordings.CAPTION, *wordings.WHOLE, *wordings.PRESENCE]
    typed += [text for forms in (*wordings.OPEN.values(), *wordings.PROBE.values()) for text in forms]
    typed += [text for template in (*templates(DRAWN), validation()) for text in template]
    words = [
        *KINDS,
        *COLORS,
        *PLACES,
        *ACTIONS,
        *OBJECTS,
        *(word for things in THINGS.values() for word in things),
    ]
    fixed = [LETTER, BRIEF, "USER: ASSISTANT: Yes. No. A. B.", tokenizer.GENERAL, *typed, *words]
    lines += fixed * 60
    return lines + [f" {line}" for line in lines]  # a word after a space is another token


def build(facts: list[Facts], size: int, seed: int) -> PreTrainedTokenizerFast:
    """A tokenizer of `size` learned tokens; whatever has none is spelled, byte by byte if need be."""
    learned = tokenizer.learn(corpus(facts, np.random.default_rng((seed, 1))), size)
    learned.padding_side = "left"
    return learned
