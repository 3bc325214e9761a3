"""Yes-or-no answers as detections: accuracy, precision, recall, F1 and the share of yes, over plain arrays.

As in `metrics`, every statistic is computed for the data and all resamples at once. Zero-safe: who never says
yes has precision 0, as in lmms-eval's POPE, and is not left out of an average over subjects.

    n  answers      R  1 + number of bootstrap resamples
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stages.report import metrics
from stages.report.metrics import Array


class Detection(NamedTuple):
    """Rates (R,); NaN where there is nothing to measure: recall and F1 without positives."""

    accuracy: Array
    precision: Array
    recall: Array
    f1: Array
    yes_ratio: Array


def detection(
    weights: Array, said: NDArray[np.bool_], truth: NDArray[np.bool_], correct: NDArray[np.bool_]
) -> Detection:
    """Rates of answers (n,) under weights (R, n).

    `said` holds where the answer was yes, `correct` where it was right: an answer that is neither yes nor no
    is not the opposite of `said`, and always wrong.
    """
    hits = weights @ (said & truth)
    yes, positives = weights @ said.astype(float), weights @ truth.astype(float)
    return Detection(
        accuracy=metrics.mean(weights, correct.astype(float)),
        precision=_share(hits, yes, nothing=np.where(weights.sum(1) > 0, 0.0, np.nan)),
        recall=_share(hits, positives),
        f1=_share(2 * hits, np.where(positives > 0, yes + positives, 0)),
        yes_ratio=metrics.mean(weights, said.astype(float)),
    )


def _share(part: Array, whole: Array, nothing: Array | None = None) -> Array:
    out = np.full(len(whole), np.nan) if nothing is None else nothing.copy()
    return np.divide(part, whole, out=out, where=whole > 0)
