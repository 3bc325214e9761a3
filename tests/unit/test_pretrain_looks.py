"""Looks at photographs: other grounds, mirrored ones, and directions that tell photos or classes apart."""

import numpy as np
import pytest

from commands.pretrain.photographs import looks
from commands.pretrain.photographs.looks import Ground, Material, Shot

TOKENS, WIDTH = 49, 24


@pytest.fixture(scope="module")
def shown() -> Material:
    """Eight photos in two views, every token with a content of its own."""
    views = np.float16(np.random.default_rng(0).normal(size=(2, 8, TOKENS, WIDTH)))
    return Material(views, [], np.zeros((8, 3), int), np.ones((1000, WIDTH), np.float32))


def test_a_ground_changes_what_lies_around_the_middle(shown: Material):
    plain, before = shown.tokens((Shot(0, 0),)), shown.tokens((Shot(0, 0, ground=Ground(1, 5, 2.5, 2.5)),))
    middle, corner = 24, 0
    assert np.array_equal(before[middle], plain[middle])
    assert np.array_equal(before[corner], shown.views[1][5][corner].astype(np.float32))


def test_mirroring_twice_is_the_photo(shown: Material):
    mirrored = shown.tokens((Shot(0, 3, mirrored=True),))
    assert np.array_equal(
        mirrored.reshape(7, 7, WIDTH)[:, ::-1].reshape(TOKENS, WIDTH), shown.tokens((Shot(0, 3),))
    )


def test_telling_directions_ignore_what_changes_between_views():
    rng = np.random.default_rng(0)
    who = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 6))
    noise = 5 * rng.normal(size=(2, 200, 1)) * np.eye(6)[0]
    directions = looks.telling_directions([who + noise[0], who + noise[1]], 2, shrinkage=0.01)
    assert np.abs(directions[0]).max() < 0.1 * np.abs(directions).max()


def test_kind_directions_hold_all_that_tells_kinds_apart_and_nothing_else():
    rng = np.random.default_rng(0)
    weights, spread = rng.normal(size=(4, 8)), np.eye(8) + 0.2 * rng.normal(size=(8, 8))
    features = rng.normal(size=(4000, 8)) @ spread
    found = looks.kind_directions(weights, features, shrinkage=0.0)
    assert found.shape == (8, 3)
    assert np.allclose(np.cov((features @ found).T), np.eye(3), atol=1e-3)
    centered = weights - weights.mean(0)
    assert np.allclose(found @ np.linalg.lstsq(found, centered.T, rcond=None)[0], centered.T, atol=1e-4)


def test_class_directions_find_the_means_of_classes():
    rng = np.random.default_rng(0)
    means, spread = rng.normal(size=(5, 8)), np.eye(8) + 0.2 * rng.normal(size=(8, 8))
    features = rng.normal(size=(4000, 8)) @ spread
    weights = means @ np.linalg.inv(spread.T @ spread)  # of the best linear classifier
    found = looks.class_directions(weights, features)
    centered = means - means.mean(0)
    cosine = (found * centered).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(centered, axis=1)
    assert cosine.min() > 0.99
