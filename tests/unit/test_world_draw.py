from dataclasses import replace

import numpy as np
import pytest

from common.world.attributes import (
    ACCESSORIES,
    COLORS,
    NOUNS,
    PATTERNS,
    PLACES,
    PROPS,
    Individual,
    Scene,
    draw_individual,
    lookalike,
)
from common.world.draw import SIZE, sprite, view, view_of_two

DOG = Individual("dog", "red", "blue", "striped", "hat", (1, 1, 1, 0, 0, 0, 1, 0, 0), 7)
BEACH = Scene("beach", "ball")


def photo(who: Individual, scene: Scene, seed: int = 0) -> np.ndarray:
    return view(sprite(who), scene, np.random.default_rng(seed))


def test_a_photo_is_small_and_in_color():
    image = photo(DOG, BEACH)
    assert (image.shape, image.dtype) == ((SIZE, SIZE, 3), np.uint8)


def test_two_stand_where_they_are_said_to():
    """Exchanging the right one changes the right half of the photo alone, and the other way round."""
    other = replace(DOG, color="green", second="white")
    draw = [sprite(DOG), sprite(other)]
    both = {
        (left, right): view_of_two(draw[left], draw[right], "beach", np.random.default_rng(0)).astype(int)
        for left in (0, 1)
        for right in (0, 1)
    }
    assert both[0, 0].shape == (SIZE, SIZE, 3)
    for one, another, side in (((0, 0), (0, 1), "right"), ((0, 0), (1, 0), "left")):
        columns = np.flatnonzero(np.abs(both[one] - both[another]).sum(axis=(0, 2)))
        assert (columns.min() > SIZE * 0.4) if side == "right" else (columns.max() < SIZE * 0.6)


def test_drawing_is_decided_by_individual_scene_and_seed():
    assert np.array_equal(photo(DOG, BEACH), photo(DOG, BEACH))
    assert not np.array_equal(photo(DOG, BEACH), photo(DOG, BEACH, seed=1))
    assert sprite(DOG).tobytes() == sprite(replace(DOG)).tobytes()


@pytest.mark.parametrize(
    ("attribute", "values"),
    [("noun", NOUNS), ("color", COLORS), ("pattern", PATTERNS), ("accessory", ACCESSORIES)],
)
def test_every_value_looks_different(attribute: str, values: tuple[str, ...]):
    pictures = {sprite(replace(DOG, **{attribute: value})).tobytes() for value in values}
    assert len(pictures) == len(values)


def test_every_place_and_prop_looks_different():
    scenes = [Scene(place, prop) for place in PLACES for prop in PROPS]
    assert len({photo(DOG, scene).tobytes() for scene in scenes}) == len(scenes)


def test_a_sibling_by_marking_differs_only_inside_the_panel():
    rng = np.random.default_rng(0)
    for noun in NOUNS:
        who = draw_individual(rng, noun)
        other = replace(lookalike(who, rng, 0), jitter=who.jitter)
        changed = np.argwhere(np.any(np.asarray(sprite(who)) != np.asarray(sprite(other)), axis=-1))
        top, left = changed.min(axis=0)
        bottom, right = changed.max(axis=0)
        assert 20 <= left < right <= 43, noun  # the panel of draw.PANEL, halved
        assert 30 <= top < bottom <= 53, noun


def test_accessories_keep_off_the_marking():
    for noun in NOUNS:
        bare = np.asarray(sprite(replace(DOG, noun=noun, accessory="nothing")))
        for accessory in ACCESSORIES[1:]:
            worn = np.asarray(sprite(replace(DOG, noun=noun, accessory=accessory)))
            assert np.array_equal(worn[31:52, 21:42], bare[31:52, 21:42]), (noun, accessory)
            assert not np.array_equal(worn, bare), (noun, accessory)
