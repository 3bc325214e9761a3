"""What `dvc plots show` draws: one small JSON file per plot.

JSON, because DVC hands CSV cells to its charts as text, which breaks sorting and number axes.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from common.core.paths import SOFT_PROMPT
from common.methods.interface import CONTROLS
from stages.report import metrics
from stages.report.benchmarks import MAIN
from stages.report.measures import LOOKALIKES, ranks_of, with_outcome
from stages.report.scores import Scores

BINS = 20
RATES = np.linspace(0, 1, 51)
PlotRows = list[dict[str, Any]]


def loss_band(curves: Mapping[str, pd.DataFrame]) -> PlotRows:
    """Training loss by epoch: 10th, 50th and 90th percentile over subjects."""
    table = pd.concat([curve.set_index("epoch").loss for curve in curves.values()], axis=1)
    return [
        {"epoch": int(epoch)}
        | {f"p{percent}": round(float(np.nanpercentile(losses, percent)), 4) for percent in (10, 50, 90)}
        for epoch, losses in sorted(table.T.items())
    ]


def subjects(scores: Scores, kinds: Mapping[str, str]) -> PlotRows:
    """Weighted accuracy by subject, on others' photos and among look-alikes, lowest first."""
    return [
        {
            "subject": subject,
            "kind": kinds[subject],
            "weighted": _rounded(scores.of(subject, SOFT_PROMPT, "recognition.weighted")),
            "lookalikes": _rounded(scores.of(subject, SOFT_PROMPT, "recognition.lookalikes.weighted")),
        }
        for subject in scores.worst_first()
    ]


def methods(scores: Scores) -> PlotRows:
    """The main measures of every method and control, in the order of the tables."""
    return [
        {"method": title, "control": method in CONTROLS}
        | {name: _rounded(scores.interval(method, measure).value) for measure, name in MAIN.items()}
        for method, title in scores.titles.items()
    ]


def reliability(scores: Scores) -> PlotRows:
    """How often the soft prompt's P(yes) is right: by bin its mean, and the share that shows the subject."""
    return [
        {"p_yes": round(p_yes, 4), "share": round(share, 4), "photos": int(photos)}
        for photos, p_yes, share in scores.reliability(SOFT_PROMPT).tolist()
    ]


def score_histogram(recognition: pd.DataFrame) -> PlotRows:
    """Share of positives, hard (look-alikes) and easy (others') photos by the soft prompt's P(yes)."""
    groups = _scores_by_group(recognition, SOFT_PROMPT)
    edges = np.linspace(0, 1, BINS + 1)
    shares = {
        name: np.histogram(values, edges)[0] / max(len(values), 1)
        for name, values in {
            "positive": groups["positive"],
            "hard": np.concatenate([groups[group] for group in LOOKALIKES]),
            "easy": groups["others"],
        }.items()
    }
    return [
        {"p_yes": round(float(middle), 4)}
        | {name: round(float(share[i]), 4) for name, share in shares.items()}
        for i, middle in enumerate((edges[1:] + edges[:-1]) / 2)
    ]


def roc(recognition: pd.DataFrame, method: str = SOFT_PROMPT) -> PlotRows:
    """True-positive rate at each false-positive rate, averaged over subjects, by group of negatives.

    Averaging the curves (not pooling the scores) makes their areas the macro-averaged AUCs of metrics.json.
    """
    curves = {"others": [], "lookalikes": [], "marking": []}
    for _, rows in recognition.groupby("subject"):
        groups = _scores_by_group(rows, method)
        negatives = {
            "others": groups["others"],
            "lookalikes": np.concatenate([groups[group] for group in LOOKALIKES]),
            "marking": groups["marking"],
        }
        for name, values in negatives.items():
            if len(values) and len(groups["positive"]):
                curves[name].append(metrics.roc(groups["positive"], values, RATES))
    nothing = [np.full(len(RATES), np.nan)]
    means = {name: np.mean(of_subjects or nothing, axis=0) for name, of_subjects in curves.items()}
    return [
        {"false_positive_rate": round(float(rate), 4)}
        | {name: _rounded(float(curve[i])) for name, curve in means.items()}
        for i, rate in enumerate(RATES)
    ]


def _scores_by_group(recognition: pd.DataFrame, method: str) -> dict[str, np.ndarray]:
    rows = with_outcome(recognition[recognition.method == method])
    return {group: ranks_of(rows[rows.against == group]) for group in ("positive", "others", *LOOKALIKES)}


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 4)
