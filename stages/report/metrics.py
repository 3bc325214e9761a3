"""Accuracy, AUC and bootstrap intervals over plain arrays.

The bootstrap has two levels, subjects and the photos (or
questions) of each subject. Every statistic is computed by the same lines for the data and for all resamples:
arrays carry an axis of R = 1 + resamples, whose row 0 weighs every item once and so *is* the estimate.
Methods that are compared share these weights, so the difference of two such arrays is a paired bootstrap.

    n  photos or questions of one subject      S  subjects      R  1 + number of bootstrap resamples
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
BINS = 10  # of probabilities, for calibration


class Interval(NamedTuple):
    """An estimate with its 95 % percentile bootstrap interval; all NaN where nothing could be measured."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Of a difference: has it a sign?"""
        return self.low > 0 or self.high < 0


def draws(generator: np.random.Generator, n: int, resamples: int) -> Array:
    """Weights (R, n): row 0 is all ones, every other row says how often a resample drew each item."""
    if n == 0:
        return np.zeros((resamples + 1, 0))
    counts = generator.multinomial(n, np.full(n, 1 / n), size=resamples)
    return np.concatenate([np.ones((1, n)), counts])


def mean(weights: Array, values: Array) -> Array:
    """Weighted means (R,) of values (n,) under weights (R, n); NaN where n is 0."""
    return _ratio(weights @ values, weights.sum(axis=1))


def auc(positive_weights: Array, positives: Array, negative_weights: Array, negatives: Array) -> Array:
    """Area under the ROC curve (R,): the chance that a positive scores above a negative, ties counting half.

    Shapes: weights (R, n⁺) and (R, n⁻), scores (n⁺,) and (n⁻,). NaN where either side is empty.
    """
    above = (positives[:, None] > negatives) + 0.5 * (positives[:, None] == negatives)  # (n⁺, n⁻)
    won = ((positive_weights @ above) * negative_weights).sum(axis=1)
    return _ratio(won, positive_weights.sum(axis=1) * negative_weights.sum(axis=1))


def macro(subject_weights: Array, values: Array) -> Array:
    """Average over subjects (R,) of values (S, R), weights (R, S); NaN (unmeasured) ones are left out."""
    measured = ~np.isnan(values).T  # (R, S)
    weights = subject_weights * measured
    return _ratio((weights * np.where(measured, values.T, 0)).sum(axis=1), weights.sum(axis=1))


def binned(weights: Array, probabilities: Array, outcomes: Array) -> Array:
    """What calibration needs of n predictions: sums (R, BINS, 3) of weight, probability and outcome by bin.

    Shapes: weights (R, n), probabilities (n,) in [0, 1], outcomes (n,) 0 or 1. Bins are equally wide. Sums of
    several groups of predictions add up to the sums of all.
    """
    place = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    member = np.eye(BINS)[place]  # (n, BINS)
    columns = np.stack([member, member * probabilities[:, None], member * outcomes[:, None]], axis=-1)
    return np.einsum("rn,nbk->rbk", weights, columns, optimize=True)


def calibration_error(sums: Array) -> Array:
    """Expected calibration error (R,) of sums (R, BINS, 3) as `binned` gives; NaN where there are none.

    The distance between mean probability and share of outcomes, averaged over the predictions' bins (Guo et
    al., On Calibration of Modern Neural Networks, ICML 2017, equation 3).
    """
    count, probability, outcome = np.moveaxis(sums, -1, 0)
    return _ratio(np.abs(probability - outcome).sum(axis=1), count.sum(axis=1))


def best_threshold(probabilities: Array, labels: NDArray[np.bool_], groups: NDArray[np.str_]) -> float:
    """The threshold above which a probability (n,) is taken for yes with the highest accuracy.

    Positives and negatives (n,) of every group (n,) count alike. Candidates lie in the middle between two
    neighboring probabilities; of equally good ones, and .5 if it is as good, the nearest to .5.
    """
    levels = np.unique(probabilities)
    candidates = np.concatenate([[0.5], (levels[1:] + levels[:-1]) / 2])
    _, side, sizes = np.unique(
        np.stack([groups.astype(str), labels.astype(str)]), axis=1, return_inverse=True, return_counts=True
    )
    right = (probabilities > candidates[:, None]) == labels  # (candidates, n)
    accuracy = right @ (1 / sizes[side.ravel()])
    good = candidates[accuracy >= accuracy.max() - 1e-9]
    return float(good[np.argmin(np.abs(good - 0.5))])


def interval(statistic: Array) -> Interval:
    """Row 0 and the 2.5 and 97.5 percentiles of the other rows of a statistic (R,)."""
    resampled = statistic[1:][~np.isnan(statistic[1:])]
    if np.isnan(statistic[0]) or not len(resampled):
        return Interval(float(statistic[0]), np.nan, np.nan)
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Interval(float(statistic[0]), float(low), float(high))


def roc(positives: Array, negatives: Array, false_positive_rates: Array) -> Array:
    """True-positive rates (F,) at given false-positive rates (F,), with straight lines between thresholds."""
    thresholds = np.unique(np.concatenate([positives, negatives]))[::-1]
    hits = np.concatenate([[0.0], (positives[:, None] >= thresholds).mean(axis=0)])
    alarms = np.concatenate([[0.0], (negatives[:, None] >= thresholds).mean(axis=0)])
    return np.interp(false_positive_rates, alarms, hits)  # an upright piece counts with its upper end


def _ratio(numerator: Array, denominator: Array) -> Array:
    return np.divide(numerator, denominator, out=np.full(len(numerator), np.nan), where=denominator > 0)
