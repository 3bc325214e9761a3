"""What is measured of one of evaluate's benchmarks, what readers are told of it, and how it is scored.

R  1 + number of bootstrap resamples
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from common.core import seed as seeds
from stages.report import metrics
from stages.report.metrics import Array

Measured = dict[tuple[str, str], Array]  # (method, measure) → (R,)
NOTHING: Mapping[str, str] = {}


class BenchmarkMeasures(NamedTuple):
    """Measures of one of evaluate's tables.

    Attributes:
        name: in addresses of the page.
        title, about: what readers are told.
        measures: heads of columns, by the names in files.
        table: name of evaluate's table.
        columns: its schema, where `common.core.schema` has it; None: as evaluate wrote it.
        score: one subject's rows, subject, seed and number of resamples → arrays (R,) by (method, measure);
            None for those of `measures.py`, which share their draws.
        optional: whether evaluate writes it only where there are questions.
        main: measures of the first tables → their names after `methods.<method>.` in metrics.json.
        flat: the soft prompt's measures that metrics.json holds, under their own names.
        heads: what the first tables call a measure, where that says more.

    """

    name: str
    title: str
    about: str
    measures: Mapping[str, str]
    table: str
    columns: pa.Schema | None = None
    score: Callable[[pd.DataFrame, str, int, int], Measured] | None = None
    optional: bool = False
    main: Mapping[str, str] = NOTHING
    flat: tuple[str, ...] = ()
    heads: Mapping[str, str] = NOTHING


class PhotoWeights:
    """Weights of answers under resamples of their photos."""

    def __init__(self, rows: pd.DataFrame, seed: int, resamples: int, *names: str) -> None:
        photos = sorted(rows.photo.unique())
        self._place = {photo: place for place, photo in enumerate(photos)}
        self._draws = metrics.draws(seeds.stream(seed, "report", *names), len(photos), resamples)

    def of(self, rows: pd.DataFrame) -> Array:
        """(R, n) for n answers."""
        return self._draws[:, rows.photo.map(self._place).to_numpy(int)]

    def mean(self, rows: pd.DataFrame, values: pd.Series) -> Array:
        """Weighted means (R,)."""
        return metrics.mean(self.of(rows), np.asarray(values, dtype=float))
