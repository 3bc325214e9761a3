"""Everyday words for classes of ImageNet-1k that the tower was trained on, by the number of the class.

Captions of people and dogs never say teapot or vase; the tower's own classifier knows what they look like.
"""

from __future__ import annotations

import numpy as np

from commands.pretrain.photographs.captions import LEXICON

OBJECTS: dict[str, list[int]] = LEXICON["objects"]
# Captions know dogs and birds, and cats a little.
CLASSES = OBJECTS | {"cat": [*range(281, 286)]}


def kind_weights(classifier: np.ndarray) -> np.ndarray:
    """Return mean weights of each kind's classes, less those of all: (classes, D) to (kinds, D) float32."""
    return np.stack([classifier[numbers].mean(0) for numbers in CLASSES.values()]) - classifier.mean(0)
