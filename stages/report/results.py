"""The numbers for programs: metrics.json (small, flat, stable names) and intervals.json (everything).

metrics.json holds the names that `dvc metrics diff` compares across commits, in four digits; what no subject
has (look-alikes and questions for one's own photos) is null. All are about the subjects of one domain (see
domains.py); those of another stand under `own.…`, if there are some. Under `metrics` in intervals.json each
has its 95 % interval, by which `make agree` tells what another processor may change. Higher is better, but
for `…parse_failures` and `calibration.error`. `questions.control.{base,majority}` are about the text
questions, `blind` about the visual ones; so are those of `open`. The tables for people are in tables.py.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from common.core.paths import SOFT_PROMPT
from common.methods.interface import CONTROLS
from stages.report.benchmarks import AT_THRESHOLD, BENCHMARKS, MAIN, MEASURES
from stages.report.domains import Domain
from stages.report.metrics import Interval
from stages.report.scores import Scores

APART = (  # what is said of the soft prompt in another domain than the headline's
    "recognition.positive",
    "recognition.negative",
    "recognition.weighted",
    "recognition.lookalikes.weighted",
    "questions.visual",
    "questions.text",
    "captions.unnamed.f1",
)
COST = ("trainable", "stored_bytes", "prompt_tokens")


def flat_metrics(
    scores: Scores, questions: pd.DataFrame, counts: Mapping[str, Mapping[str, int]]
) -> dict[str, Interval]:
    """What metrics.json names; `counts` is by subject (see subject_summary.py).

    Sums over subjects have the interval of the subjects that a resample draws.
    """
    named = {measure: (SOFT_PROMPT, measure) for benchmark in BENCHMARKS for measure in benchmark.flat}
    for control in CONTROLS:
        if control != "blind":
            named[f"recognition.control.{control}"] = (control, "recognition.weighted")
            named[f"recognition.lookalikes.control.{control}"] = (control, "recognition.lookalikes.weighted")
    named["questions.control.base"] = ("base", "questions.text")
    named["questions.control.majority"] = ("majority", "questions.text")
    named["questions.control.blind"] = ("blind", "questions.visual")
    named["open.control.base"] = ("base", "open.text")
    named["open.control.blind"] = ("blind", "open.visual")
    for method in scores.methods:
        if method != SOFT_PROMPT:
            named |= {f"methods.{method}.{name}": (method, measure) for measure, name in MAIN.items()}
    unreadable = questions[(questions.method == SOFT_PROMPT) & questions.parsed.isna()].subject.value_counts()
    return {name: scores.interval(*where) for name, where in named.items()} | {
        "questions.parse_failures": scores.total({s: int(unreadable.get(s, 0)) for s in scores.subjects}),
        "calibration.error": scores.calibration_error(SOFT_PROMPT),
        "subjects.n": scores.total(dict.fromkeys(scores.subjects, 1)),
        "subjects.worst_weighted": scores.lowest(SOFT_PROMPT, "recognition.weighted"),
        "data.hard_negatives": scores.total({s: count["hard_negatives"] for s, count in counts.items()}),
        "data.conversations": scores.total({s: count["conversations"] for s, count in counts.items()}),
    }


def apart(domains: Sequence[Domain]) -> dict[str, Interval]:
    """What metrics.json names besides, of subjects that are not part of the headline: `own.…`."""
    measured: dict[str, Interval] = {}
    for domain in domains:
        measured[f"{domain.source}.subjects.n"] = domain.scores.total(dict.fromkeys(domain.subjects, 1))
        for measure in APART:
            measured[f"{domain.source}.{measure}"] = domain.scores.interval(SOFT_PROMPT, measure)
    return measured


def as_json(metrics: Mapping[str, Interval]) -> dict[str, dict[str, float | None]]:
    """The same for a file, in four digits."""
    return {name: _as_json(interval) for name, interval in metrics.items()}


def intervals(scores: Scores, tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """The content of intervals.json: every measure of every method, differences, calibration and cost.

    `tables` are evaluate's, by name.
    """
    spent = mean_costs(tables["methods"])
    asked = {measure for _, measure in scores.values}
    measures = [name for name in (*MEASURES, *AT_THRESHOLD.values()) if name in asked]
    return {
        "methods": [
            {"name": name, "title": title, "control": name in CONTROLS} | spent[name]
            for name, title in scores.titles.items()
        ],
        "estimates": {
            measure: {
                method: _as_json(scores.interval(method, measure))
                for method in scores.titles
                if scores.has(method, measure)
            }
            for measure in measures
        },
        "soft_prompt_minus": {
            measure: {
                method: _as_json(difference) | {"excludes_zero": difference.excludes_zero}
                for method, difference in differences(scores, measure).items()
            }
            for measure in measures
        },
        "calibration_error": {method: _as_json(scores.calibration_error(method)) for method in scores.bins},
        "thresholds": {method: round(value, 4) for method, value in scores.thresholds.items()},
        "parse_failures": {name: parse_failures(tables[name]) for name in read_strictly(tables)},
    }


def differences(scores: Scores, measure: str) -> dict[str, Interval]:
    """The soft prompt minus every other method and control that was asked, on the same resamples."""
    return {
        method: scores.difference(measure, SOFT_PROMPT, method)
        for method in scores.titles
        if method != SOFT_PROMPT and scores.has(method, measure) and scores.has(SOFT_PROMPT, measure)
    }


def read_strictly(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """The tables whose answers are one of some words, in the order of the benchmarks."""
    asked = [benchmark.table for benchmark in BENCHMARKS if benchmark.table in tables]
    return [name for name in asked if "parsed" in tables[name]]


def mean_costs(costs: pd.DataFrame) -> dict[str, dict[str, float]]:
    """METHODS as means over subjects, by method."""
    return costs.groupby("method")[list(COST)].mean().round(1).to_dict("index")


def parse_failures(table: pd.DataFrame) -> dict[str, int]:
    """Answers by method that were none of the allowed words (and so counted as wrong)."""
    return table.parsed.isna().groupby(table.method).sum().to_dict()


def failure_rates(table: pd.DataFrame) -> dict[str, float]:
    """The same as shares of the answers."""
    return table.parsed.isna().groupby(table.method).mean().to_dict()


def from_json(estimate: Mapping[str, float | None]) -> Interval:
    """An interval as these files hold it, null for what was not measured."""
    ends = (estimate[end] for end in Interval._fields)
    return Interval(*(math.nan if end is None else end for end in ends))


def _as_json(interval: Interval) -> dict[str, float | None]:
    return {name: _rounded(value) for name, value in interval._asdict().items()}


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)
