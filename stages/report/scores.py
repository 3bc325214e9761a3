"""Predictions to measures: one number per subject, method and bootstrap resample.

What is measured of one subject stands in measures.py and in benchmarks/.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pandas as pd

from common.core import seed as seeds
from common.core.paths import SOFT_PROMPT
from common.methods.interface import CONTROLS, Control
from stages.report import measures, metrics
from stages.report.benchmarks import BENCHMARKS, MAIN
from stages.report.metrics import Array, Interval

DESCRIPTIONS: tuple[Control, ...] = ("short_description", "long_description")


@dataclass(frozen=True)
class Scores:
    """Measures by (method, measure): arrays (S, R), NaN where a subject has nothing to measure.

    `titles` names the methods in the order of every table: the soft prompt, those compared with it, controls.
    `bins` holds what calibration needs, by method: (S, R, BINS, 3) (see metrics.binned); `thresholds` what
    P(yes) has to exceed, by method.
    """

    subjects: tuple[str, ...]
    titles: dict[str, str]
    seed: int
    values: dict[tuple[str, str], Array]
    bins: dict[str, Array] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)

    @property
    def methods(self) -> list[str]:
        """The soft prompt and what it is compared with, without the controls."""
        return [name for name in self.titles if name not in CONTROLS]

    def main(self) -> list[str]:
        """The measures that the first tables show: those that somebody was asked."""
        return [name for name in MAIN if any(self.has(method, name) for method in self.titles)]

    def has(self, method: str, measure: str) -> bool:
        """Was this method asked what the measure needs?"""
        return (method, measure) in self.values

    def of(self, subject: str, method: str, measure: str) -> float:
        """One subject's estimate, NaN if there is none."""
        if not self.has(method, measure):
            return float("nan")
        return float(self.values[method, measure][self.subjects.index(subject), 0])

    def interval(self, method: str, measure: str, subjects: Iterable[str] | None = None) -> Interval:
        """Macro average over subjects (all, or these) with its interval."""
        return metrics.interval(self._macro(method, measure, subjects))

    def difference(self, measure: str, method: str, other: str) -> Interval:
        """Method minus another on the same resamples."""
        return metrics.interval(self._macro(method, measure, None) - self._macro(other, measure, None))

    def lowest(self, method: str, measure: str) -> Interval:
        """The subject that does worst, of those that a resample draws."""
        drawn = self._weights(range(len(self.subjects))).T > 0  # (S, R)
        known = drawn & ~np.isnan(self._values(method, measure))
        lowest = np.where(known, self._values(method, measure), np.inf).min(axis=0)
        return metrics.interval(np.where(np.isinf(lowest), np.nan, lowest))

    def total(self, counts: Mapping[str, int]) -> Interval:
        """A sum over subjects (id → count), exactly, with its interval."""
        each = np.array([counts[subject] for subject in self.subjects])
        drawn = metrics.interval(self._weights(range(len(self.subjects))) @ each)
        return drawn._replace(value=sum(counts.values()))

    def calibration_error(self, method: str) -> Interval:
        """Expected calibration error of P(yes) over all photos of all subjects."""
        if method not in self.bins:
            return Interval(*[float("nan")] * 3)
        weights = self._weights(range(len(self.subjects)))
        return metrics.interval(
            metrics.calibration_error(np.einsum("rs,srbk->rbk", weights, self.bins[method]))
        )

    def reliability(self, method: str) -> Array:
        """By bin that is not empty, (bins, 3): photos, their mean P(yes), the share that is the subject."""
        if method not in self.bins:
            return np.empty((0, 3))
        sums = self.bins[method][:, 0].sum(axis=0)
        sums = sums[sums[:, 0] > 0]
        return np.concatenate([sums[:, :1], sums[:, 1:] / sums[:, :1]], axis=1)

    def worst_first(self) -> list[str]:
        """Subjects by the soft prompt's rising weighted recognition, then by name; unmeasured ones last."""
        weighted = {s: self.of(s, SOFT_PROMPT, "recognition.weighted") for s in self.subjects}
        return sorted(weighted, key=lambda s: (math.isnan(weighted[s]), _known(weighted[s]), s))

    def best_description(self, measure: str) -> str:
        """The description that does better on a measure: the control that the soft prompt has to beat."""
        reached = {name: self.interval(name, measure).value for name in DESCRIPTIONS}
        return max(reached, key=lambda name: (_known(reached[name]), name))

    def _macro(self, method: str, measure: str, subjects: Iterable[str] | None) -> Array:
        chosen = [
            self.subjects.index(subject) for subject in (self.subjects if subjects is None else subjects)
        ]
        return metrics.macro(self._weights(chosen), self._values(method, measure)[chosen])

    def _values(self, method: str, measure: str) -> Array:
        """(S, R), NaN where nobody was asked."""
        nothing = np.full((len(self.subjects), self._rows), np.nan)
        return self.values.get((method, measure), nothing)

    def _weights(self, chosen: Iterable[int]) -> Array:
        chosen = list(chosen)
        generator = seeds.stream(self.seed, "report", "subjects", *map(str, chosen))
        return metrics.draws(generator, len(chosen), self._rows - 1)

    @property
    def _rows(self) -> int:
        return next(iter(self.values.values())).shape[1]


def score(
    tables: Mapping[str, pd.DataFrame],
    titles: Mapping[str, str],
    subjects: Iterable[str],
    seed: int,
    resamples: int,
) -> Scores:
    """Score evaluate's tables, by name, of these subjects; `titles` by method, in any order."""
    subjects = tuple(subjects)
    others = [name for name in titles if name not in (SOFT_PROMPT, *CONTROLS)]
    ordered = {name: titles[name] for name in (SOFT_PROMPT, *others, *CONTROLS) if name in titles}
    limits = thresholds(tables["threshold_set"])
    measured, sums = [], []
    for subject in subjects:
        draw = partial(_draw, seed, resamples, subject)
        photos, asked = (_of(tables[name], subject) for name in ("recognition", "questions"))
        of_subject = measures.recognition(photos, draw, limits) | measures.questions(asked, draw)
        for benchmark in BENCHMARKS:
            if benchmark.score is not None and benchmark.table in tables:
                rows = _of(tables[benchmark.table], subject)
                of_subject |= benchmark.score(rows, subject, seed, resamples)
        measured.append(of_subject)
        sums.append(measures.calibration(photos, draw))
    values = _stacked(measured, np.full(resamples + 1, np.nan))
    return Scores(
        subjects, ordered, seed, values, _stacked(sums, np.zeros((resamples + 1, metrics.BINS, 3))), limits
    )


def thresholds(validation: pd.DataFrame) -> dict[str, float]:
    """By method that has probabilities, the threshold that does best on photos that training has seen."""
    return {
        str(method): metrics.best_threshold(
            rows.p_yes.to_numpy(float), rows.label.to_numpy(bool), rows.subject.to_numpy(str)
        )
        for method, rows in validation.groupby("method")
        if rows.p_yes.notna().all()
    }


def _of(table: pd.DataFrame, subject: str) -> pd.DataFrame:
    """A subject's rows, and those that were asked with nobody in place."""
    return table[(table.subject == subject) | table.subject.isna()]


def _known(value: float) -> float:
    return -1.0 if math.isnan(value) else value


def _draw(seed: int, resamples: int, subject: str, n: int, *names: str) -> Array:
    return metrics.draws(seeds.stream(seed, "report", subject, *names), n, resamples)


def _stacked(by_subject: list[dict], nothing: Array) -> dict:
    """Arrays by name with a first axis of subjects; `nothing` where a subject lacks the name."""
    names = sorted({name for of_subject in by_subject for name in of_subject})
    return {name: np.stack([of_subject.get(name, nothing) for of_subject in by_subject]) for name in names}
