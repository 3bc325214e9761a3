"""What the tests of the benchmarks share: LLaVA-1.5's architecture with tiny sizes, and a small lesson."""

import torch

from benchmarks import data, models
from common import vlm
from common.training.samples import TrainingSet


def tiny_base() -> vlm.Base:
    """The same weights each time."""
    torch.manual_seed(0)
    return models.build("tiny", models.TINY, dtype=torch.float32)


def small_training_set() -> TrainingSet:
    """A few samples of every kind."""
    return data.share(data.papers("bo", side=24), 40)
