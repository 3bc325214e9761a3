"""A frozen LLaVA behind one small interface: load, encode prefixes, answer, score a soft prompt's loss.

The same code serves the small base and LLaVA-1.5. Everything before the soft prompt is computed once per
image, kept where memory allows and reused, exactly (see `prefix`, `prefix_cache` and
tests/unit/test_vlm_exact.py).
"""

from common.vlm.answer import Answer, answer
from common.vlm.context import ContextFullError, check_length
from common.vlm.dialog import Decoding, Dialog
from common.vlm.graph import StaticForward, capturable
from common.vlm.interleaved import IMAGE_PLACEHOLDER, InterleavedText
from common.vlm.kv_cache import PrefixBatch
from common.vlm.load import Base, load
from common.vlm.loss import suffix_loss
from common.vlm.memory import MemoryBudget, to_device
from common.vlm.prefix import Prefixes, encode_prefixes, image_tokens
from common.vlm.prefix_cache import PrefixCache
from common.vlm.soft_prompt import SoftPrompt
from common.vlm.suffix import Definition, Query, Suffix, suffix
from common.vlm.system import in_system

__all__ = [
    "IMAGE_PLACEHOLDER",
    "Answer",
    "Base",
    "ContextFullError",
    "Decoding",
    "Definition",
    "Dialog",
    "InterleavedText",
    "MemoryBudget",
    "PrefixBatch",
    "PrefixCache",
    "Prefixes",
    "Query",
    "SoftPrompt",
    "StaticForward",
    "Suffix",
    "answer",
    "capturable",
    "check_length",
    "encode_prefixes",
    "image_tokens",
    "in_system",
    "load",
    "suffix",
    "suffix_loss",
    "to_device",
]
