"""Captions, a tokenizer and photos that the tests of pretraining on photographs share."""

import numpy as np
import pytest
from transformers import PreTrainedTokenizerFast

from commands.pretrain.photographs import captions, looks, words
from commands.pretrain.photographs.looks import Material

DOG = (
    "A brown and white dog is running through the snow .",
    "A dog is running in the snow",
    "A small brown and white dog runs in the snow with a red collar .",
    "The dog runs .",
    "a dog runs across a snowy field",
)
MAN = (
    "A man in a blue shirt stands on the street .",
    "A man wearing a blue shirt is standing on a sidewalk .",
    "A man stands .",
    "Man on the street with a bicycle .",
    "A tall man in a blue shirt",
)
TOKENS, WIDTH = 49, 24
SIZES = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_attention_heads": 4,  # of 16 channels
    "initializer_range": 0.1,
}


@pytest.fixture(scope="module")
def facts() -> list[captions.Facts]:
    return [captions.read(DOG), captions.read(MAN)] * 4


@pytest.fixture(scope="module")
def tokenizer(facts: list[captions.Facts]) -> PreTrainedTokenizerFast:
    return words.build(facts, 900, 0)


@pytest.fixture(scope="module")
def shown(facts: list[captions.Facts]) -> Material:
    """Eight photos, each with a content of its own in every token, in two views that differ a little."""
    rng = np.random.default_rng(0)
    content = rng.normal(size=(8, 1, WIDTH))
    views = [
        np.float16(content + 0.5 * rng.normal(size=(8, TOKENS, WIDTH)) + 0.2 * rng.normal(size=(8, 1, WIDTH)))
        for _ in range(2)
    ]
    pooled = [view.astype(np.float32).mean(1) for view in views]
    return Material(views, facts, looks.nearest(pooled[0], 3), np.ones((1000, WIDTH), np.float32))


def kind_of(kind: str) -> captions.Facts:
    """A photo of which nothing but the kind is known."""
    return captions.Facts(("",), kind, (), (), None, None, None, frozenset(), None)
