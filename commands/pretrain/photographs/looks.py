"""Image tokens of photos as the tower sees them, computed once, and what is made of them.

A `Shot` is one look at a photo: one of its views, perhaps mirrored, perhaps before the ground of another
photo, perhaps with an object in it that no caption names. Averages of shots stand for several references.
Does not know what is asked (`samples`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from commands.pretrain.photographs.captions import Facts

SIDE = 7  # image tokens per row and column
FADED = 0.5  # how much of a photo is left where an object is put into it
GRAIN = 2.0  # shape of the gamma distribution of how clear an object is from token to token
_MIRROR = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)[:, ::-1].ravel()
_ROW, _COLUMN = np.divmod(np.arange(SIDE * SIDE), SIDE)


class Ground(NamedTuple):
    """What lies around the subject: the tokens of another photo outside of an ellipse of these half axes."""

    view: int
    photo: int
    height: float  # tokens
    width: float  # tokens


class Thing(NamedTuple):
    """An object put into a photo's middle.

    Attributes:
        classes: of ImageNet-1k, what it is and what it resembles, each with how clear it is.
        grain: seed of what is peculiar to it: no token shows all of them alike.
        height, width: half axes, in tokens.

    """

    classes: tuple[tuple[int, float], ...]
    grain: int
    height: float
    width: float


class Shot(NamedTuple):
    """One look at a photo."""

    view: int
    photo: int
    mirrored: bool = False
    ground: Ground | None = None
    thing: Thing | None = None


@dataclass(frozen=True)
class Material:
    """Photos that all were seen in the same views.

    Attributes:
        views: each (n, 49, 1280) float16, in one order of photos.
        facts: of the n photos.
        neighbors: (n, k) int, photos that look most alike, most alike first.
        things: (1000, 1280) float32, what a class of ImageNet-1k adds to a token (see `class_directions`).

    """

    views: Sequence[np.ndarray]
    facts: Sequence[Facts]
    neighbors: np.ndarray
    things: np.ndarray

    def tokens(self, shots: tuple[Shot, ...]) -> np.ndarray:
        """Mean of the shots' image tokens, (49, 1280) float32."""
        return np.mean([self._seen(shot) for shot in shots], axis=0, dtype=np.float32)

    def _seen(self, shot: Shot) -> np.ndarray:
        tokens = self.views[shot.view][shot.photo].astype(np.float32)
        if shot.ground is not None:
            other = self.views[shot.ground.view][shot.ground.photo]
            tokens = np.where(_inside(shot.ground.height, shot.ground.width), tokens, other)
        if shot.thing is not None:
            shown = np.maximum(0, FADED * tokens + self._object(shot.thing))
            tokens = np.where(_inside(shot.thing.height, shot.thing.width), shown, tokens)
        return tokens[_MIRROR] if shot.mirrored else tokens

    def _object(self, thing: Thing) -> np.ndarray:
        """What an object adds to each token, (49, D)."""
        rng = np.random.default_rng(thing.grain)
        grains = rng.gamma(GRAIN, 1 / GRAIN, (len(thing.classes), SIDE * SIDE, 1))
        parts = (clear * self.things[number] for number, clear in thing.classes)
        return sum(grain * part for grain, part in zip(grains, parts, strict=True))


def _inside(height: float, width: float) -> np.ndarray:
    """Which tokens lie in an ellipse about the middle, (49, 1) bool."""
    middle = (SIDE - 1) / 2
    return (((_ROW - middle) / height) ** 2 + ((_COLUMN - middle) / width) ** 2 <= 1)[:, None]


def nearest(pooled: np.ndarray, count: int) -> np.ndarray:
    """The `count` photos most alike each by cosine of centered means: (n, D) float32 to (n, count) int."""
    centered = pooled - pooled.mean(0)
    centered /= np.linalg.norm(centered, axis=1, keepdims=True)
    alike = centered @ centered.T
    np.fill_diagonal(alike, -np.inf)
    found = np.argpartition(-alike, count, axis=1)[:, :count]
    return np.take_along_axis(found, np.argsort(np.take_along_axis(-alike, found, 1), axis=1), 1)


def class_directions(classifier: np.ndarray, pooled: np.ndarray) -> np.ndarray:
    """What each class adds to the mean token, told by the tower's own classifier: (classes, D) float32.

    For a linear classifier of normal classes, weights are the inverse covariance times the class mean; so
    the covariance times the weights is the class mean again (Fisher's discriminant, read backwards). Scaled
    to one standard deviation.

    Args:
        classifier: (classes, D) float32 weights.
        pooled: (n, D) float32 mean tokens of photos.

    """
    weights = classifier - classifier.mean(0)
    means = weights @ np.cov(pooled.T)
    return (means / np.sqrt((means * weights).sum(1, keepdims=True))).astype(np.float32)


def kind_directions(classifier: np.ndarray, pooled: np.ndarray, shrinkage: float = 0.01) -> np.ndarray:
    """Directions that tell kinds of things apart, (D, kinds - 1) float32, the best first.

    Those that the weights span where features have covariance 1, by singular values. Photos of dogs and
    people hardly differ in them, so that `telling_directions` of such photos tell no teapot from a clock.

    Args:
        classifier: (kinds, D) float32, mean weights of the classes of each kind.
        pooled: (n, D) float32 mean tokens of photos.
        shrinkage: of the covariance, toward a multiple of 1.

    """
    spread = np.cov(pooled.T)
    spread += shrinkage * np.trace(spread) / len(spread) * np.eye(len(spread))
    root = np.linalg.cholesky(spread)
    vectors = np.linalg.svd(root.T @ (classifier - classifier.mean(0)).T, full_matrices=False)[0]
    return np.linalg.solve(root.T, vectors[:, :-1]).astype(np.float32)


def telling_directions(views: Sequence[np.ndarray], count: int, shrinkage: float = 0.8) -> np.ndarray:
    """Directions in which photos differ and views of one photo do not, (D, count) float32, the best first.

    Linear discriminant analysis with every photo a class. `views` are pooled (n, D), in one order of photos.
    """
    mean = sum(views) / len(views)
    within = sum(np.cov((view - mean).T) for view in views)
    width = len(within)
    within = (1 - shrinkage) * within + shrinkage * np.trace(within) / width * np.eye(width)
    root = torch.linalg.cholesky(torch.from_numpy(within))
    between = torch.linalg.solve_triangular(root, torch.from_numpy(np.cov(mean.T)), upper=False)
    whitened = torch.linalg.solve_triangular(root, between.T, upper=False)
    vectors = torch.linalg.solve_triangular(root.T, torch.linalg.eigh(whitened).eigenvectors, upper=True)
    return vectors.flip(1)[:, :count].float().contiguous().numpy()
