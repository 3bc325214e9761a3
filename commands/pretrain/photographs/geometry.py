"""What is computed once of the tower's tokens of all photos: directions of content, photos alike, classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from commands.pretrain.photographs import looks, tower
from commands.pretrain.photographs.objects import kind_weights
from commands.pretrain.photographs.settings import Settings

EVERY = 100  # photos, of which one is a sample of what tokens are like


def write(views: Sequence[np.ndarray], target: Path, chosen: Settings) -> None:
    """Write directions, a sample of tokens, neighbors and things, for `looks.Material`, to an .npz.

    `views` are (n, 49, D) float16 each, in one order of photos.
    """
    means = [pooled(view) for view in views]
    part = target.with_suffix(".part.npz")
    sample = [np.asarray(tokens, np.float32) for tokens in views[0][::EVERY]]
    np.savez(
        part,
        directions=_directions(means, chosen.llama["hidden_size"], chosen.comparison.individuals),
        tokens=np.concatenate(sample),
        neighbors=looks.nearest(means[0], chosen.neighbors),
        things=looks.class_directions(tower.classifier(), means[0]),
    )
    part.replace(target)


def pooled(view: np.ndarray) -> np.ndarray:
    """Mean tokens (n, D) float32 of a memory map (n, 49, D)."""
    return np.stack([np.asarray(tokens, np.float32).mean(0) for tokens in view])


def _directions(means: Sequence[np.ndarray], count: int, individuals: int) -> np.ndarray:
    """So many directions (D, count) float32: of individuals, of kinds, then of individuals again."""
    of_kinds = looks.kind_directions(kind_weights(tower.classifier()), means[0])
    telling = looks.telling_directions(means, count)
    return np.hstack([telling[:, :individuals], of_kinds, telling[:, individuals:]])[:, :count]
