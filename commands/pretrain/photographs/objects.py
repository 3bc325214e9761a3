"""Everyday words for classes of ImageNet-1k that the tower was trained on, by the number of the class.

Captions of people and dogs never say teapot or vase; the tower's own classifier knows what they look like.
"""

from __future__ import annotations

from commands.pretrain.photographs.captions import LEXICON

OBJECTS: dict[str, list[int]] = LEXICON["objects"]
# Captions know dogs and birds, and cats a little.
CLASSES = OBJECTS | {"cat": [*range(281, 286)]}
