"""A frozen LLaVA behind one small interface: load, encode prefixes, answer, score a soft prompt's loss.

The same code serves the small base and LLaVA-1.5. Everything before the soft prompt is computed once per
image, kept where memory allows and reused, exactly (see `prefix`, `store` and tests/unit/test_vlm_exact.py).
Does not own training (`stages.learning`) or any file but a subject's model.
"""

from stages.vlm.answer import Answer, answer
from stages.vlm.graph import StaticForward, capturable
from stages.vlm.inline import PHOTO, Illustrated
from stages.vlm.layout import Definition, Query, Suffix, suffix
from stages.vlm.load import Base, load
from stages.vlm.loss import suffix_loss
from stages.vlm.memory import Room, move
from stages.vlm.prefix import Prefixes, encode_prefixes, image_tokens
from stages.vlm.soft_prompt import SoftPrompt
from stages.vlm.store import PrefixBatch, PrefixCache
from stages.vlm.system import in_system

__all__ = [
    "PHOTO",
    "Answer",
    "Base",
    "Definition",
    "Illustrated",
    "PrefixBatch",
    "PrefixCache",
    "Prefixes",
    "Query",
    "Room",
    "SoftPrompt",
    "StaticForward",
    "Suffix",
    "answer",
    "capturable",
    "encode_prefixes",
    "image_tokens",
    "in_system",
    "load",
    "move",
    "suffix",
    "suffix_loss",
]
