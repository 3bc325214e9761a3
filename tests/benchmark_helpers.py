"""What the tests of the benchmarks share: LLaVA-1.5's architecture with tiny sizes, and a small lesson."""

import torch

from stages import vlm
from stages.core.samples import Lesson
from tests.benchmarks import data, models

TINY = models.Architecture(
    width=32, inner_width=64, layers=2, heads=4, vocabulary=1000, device="cpu",
    vision_width=32, vision_inner_width=64, vision_layers=3, vision_heads=4, patch=8, image_size=24,
)  # fmt: skip


def tiny_base() -> vlm.Base:
    """The same weights each time."""
    torch.manual_seed(0)
    return models.build("tiny", TINY, dtype=torch.float32)


def small_lesson() -> Lesson:
    """A few samples of every kind."""
    return data.share(data.papers("bo", side=24), 40)
