"""What a gate measures: a share of right answers with its interval, beside a floor and a blind control."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Criterion:
    """One measured ability: `right` of `n`, what it must reach, and the same blind (None if senseless)."""

    name: str
    value: float
    n: int
    floor: float
    blind: float | None

    @property
    def interval(self) -> tuple[float, float]:
        """95 % Wilson score interval of a share."""
        z2, p = 1.96**2, self.value
        center = (p + z2 / (2 * self.n)) / (1 + z2 / self.n)
        half = 1.96 / (1 + z2 / self.n) * np.sqrt(p * (1 - p) / self.n + z2 / (4 * self.n**2))
        return float(center - half), float(center + half)

    @property
    def passed(self) -> bool:
        """Whether the measured value reaches the floor."""
        return self.value >= self.floor
