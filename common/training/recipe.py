"""How soft prompts are trained: the settings of a training, and the schedules of its learning rate."""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from common.core.vocabulary import Schedule, VariantInitialRows

SCHEDULES: dict[
    Schedule, Callable[[float], float]
] = {  # share of the steps done → factor of the learning rate
    "constant": lambda done: 1.0,
    "cosine": lambda done: (1 + math.cos(math.pi * done)) / 2,
}


@dataclass(frozen=True)
class TrainingRecipe:
    """What params.train asks for, and the seed."""

    latent_tokens: int
    initial: VariantInitialRows
    epochs: int
    learning_rate: float
    schedule: Schedule
    weight_decay: float
    batch_size: int
    balance: bool  # only recorded here; the samples carry their weights
    seed: int
    micro_batch_size: int  # samples, validation questions or pictures per forward
    end_token: bool = True  # learned after each answer
    first_epoch: int = 1  # that may be kept; the last, where there are fewer
    held_out: float = 0.0  # only recorded here; the samples are chosen by it

    @property
    def card(self) -> dict[str, Any]:
        """What a model's card says: every setting but those left at their defaults."""
        return {
            field.name: value
            for field in fields(self)
            if (value := getattr(self, field.name)) != field.default
        }
