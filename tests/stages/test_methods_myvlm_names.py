"""Which names the small base for drawings can say: what MyVLM, whose vector adds no token, depends on."""

from collections.abc import Sequence

import pytest
from PIL import Image

from common import vlm
from common.core.seed import stream
from common.prompts.captions import NAMING
from common.world.attributes import draw_individual, draw_scene
from common.world.draw import sprite, view
from common.world.text import definition
from tests.support.helpers import ROOT

PHOTOS = 6


@pytest.fixture(scope="module")
def shipped() -> vlm.Base:
    return vlm.load(str(ROOT / "models/base/llava"))


def share_named(base: vlm.Base, names: Sequence[str]) -> float:
    """Share of captions that repeat the name, asked by it, below a sentence that defines it."""
    rng = stream(7, "tests", "names")
    drawn = [(draw_individual(rng), draw_scene(rng)) for _ in range(PHOTOS)]
    pictures = [Image.fromarray(view(sprite(who), scene, rng)) for who, scene in drawn]
    prefixes = vlm.encode_prefixes(base, pictures, PHOTOS)
    asked = [
        (name, vlm.Query(NAMING.format(name=name), photo, definition(name, who)))
        for name in names
        for photo, (who, _) in enumerate(drawn)
    ]
    answers = vlm.answer(base, [query for _, query in asked], prefixes, max_new_tokens=8, batch_size=32)
    said = [name in answer.text for (name, _), answer in zip(asked, answers, strict=True)]
    return sum(said) / len(said)


def test_names_of_many_pieces_are_not_said_even_where_a_sentence_defines_them(shipped: vlm.Base) -> None:
    """What the base lacks: it was taught names of one or two syllables, and spells others wrongly."""
    many = ["<sks>", "<kivo>", "<eva>", "<bolt>", "<spire>"]
    few = ["<bo>", "<rex>", "<mam>", "<tom>", "<zo>"]
    pieces = {name: len(shipped.tokenizer.tokenize(name)) - 2 for name in many + few}  # without < and >
    assert all((pieces[name] > 2) == (name in many) for name in pieces)
    assert share_named(shipped, few) > 0.8 and share_named(shipped, many) < 0.1
