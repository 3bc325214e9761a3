from dataclasses import astuple

import numpy as np
import pytest

from common.world.attributes import (
    KINDS,
    MARKING_DISTANCE,
    NAMEABLE,
    NOUNS,
    SCENE,
    Individual,
    draw_individual,
    draw_scene,
    lookalike,
)


def differing(one: Individual, other: Individual) -> set[str]:
    return {name for name in NAMEABLE if getattr(one, name) != getattr(other, name)}


def individuals(count: int = 200) -> list[Individual]:
    rng = np.random.default_rng(0)
    return [draw_individual(rng) for _ in range(count)]


def test_every_noun_is_of_one_kind():
    assert len(NOUNS) == len(set(NOUNS)) == sum(len(nouns) for nouns in KINDS.values())
    assert draw_individual(np.random.default_rng(0), "mug").kind == "object"


def test_individuals_have_known_values_two_colors_and_a_marking_of_both_shades():
    for who in individuals():
        assert all(getattr(who, name) in values for name, values in NAMEABLE.items())
        assert who.color != who.second
        assert len(who.marking) == 9
        assert 3 <= sum(who.marking) <= 6


def test_all_values_are_drawn():
    for name, values in NAMEABLE.items():
        assert {getattr(who, name) for who in individuals()} == set(values)
    rng = np.random.default_rng(0)
    scenes = [draw_scene(rng) for _ in range(100)]
    for name, values in SCENE.items():
        assert {getattr(scene, name) for scene in scenes} == set(values)


def test_the_same_generator_draws_the_same_individuals():
    assert [astuple(who) for who in individuals(5)] == [astuple(who) for who in individuals(5)]


@pytest.mark.parametrize("changed", [0, 1, 2, 5])
def test_a_sibling_differs_in_as_many_attributes_as_promised_and_always_in_the_marking(changed: int):
    rng = np.random.default_rng(1)
    for who in individuals():
        other = lookalike(who, rng, changed)
        assert len(differing(who, other)) == changed
        assert other.color != other.second
        cells = sum(mine != theirs for mine, theirs in zip(who.marking, other.marking, strict=True))
        assert cells >= MARKING_DISTANCE


def test_every_attribute_is_changed_in_some_sibling():
    rng = np.random.default_rng(2)
    changed = set().union(*(differing(who, lookalike(who, rng, 1)) for who in individuals()))
    assert changed == set(NAMEABLE)
