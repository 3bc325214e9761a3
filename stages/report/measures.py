"""Tables of predictions to measures of one subject: an array over bootstrap resamples each.

Which rows are the positives and negatives of which measure stands here, their arithmetic in metrics.py. A
look-alike measure is the mean over the groups of look-alikes, so that every group counts alike.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from stages.report import metrics
from stages.report.metrics import Array

LOOKALIKES = ("marking", "one", "two")
GROUPS = ("positive", "others", *LOOKALIKES)
Draw = Callable[..., Array]  # (n, *names) → weights (R, n) of the items called by these names
Measured = dict[tuple[str, str], Array]  # (method, measure) → (R,)


def with_outcome(recognition: pd.DataFrame) -> pd.DataFrame:
    """RECOGNITION with what the measures need: `against` (positive, others, marking, one, two) and `correct`.

    An answer that is neither yes nor no is wrong, whatever the truth.
    """
    against = recognition.group.str.removeprefix("lookalike-").replace("test", "others")
    truth = recognition.label.map({True: "yes", False: "no"})
    return recognition.assign(
        against=against.mask(recognition.label, "positive"), correct=recognition.parsed == truth
    )


def recognition(rows: pd.DataFrame, draw: Draw, thresholds: Mapping[str, float]) -> Measured:
    """All recognition measures of one subject; those at a threshold for the methods that have one."""
    measured = {}
    for method, parts, weights in _by_method(rows, draw):
        right = {
            group: metrics.mean(weights[group], part.correct.to_numpy(float)) for group, part in parts.items()
        }
        ranks = {group: ranks_of(part) for group, part in parts.items()}
        areas = {
            group: metrics.auc(weights["positive"], ranks["positive"], weights[group], ranks[group])
            for group in GROUPS[1:]
        }
        negative, area = _over_lookalikes(right), _over_lookalikes(areas)
        measured |= {
            (method, "recognition.positive"): right["positive"],
            (method, "recognition.negative"): right["others"],
            (method, "recognition.weighted"): (right["positive"] + right["others"]) / 2,
            (method, "recognition.auc"): areas["others"],
            (method, "recognition.lookalikes.negative"): negative,
            (method, "recognition.lookalikes.weighted"): (right["positive"] + negative) / 2,
            (method, "recognition.lookalikes.auc"): area,
            (method, "recognition.lookalikes.marking_auc"): areas["marking"],
        }
        if method in thresholds:
            above = {
                group: metrics.mean(
                    weights[group], ((part.p_yes > thresholds[method]) == part.label).to_numpy(float)
                )
                for group, part in parts.items()
            }
            measured |= {
                (method, "threshold.weighted"): (above["positive"] + above["others"]) / 2,
                (method, "threshold.lookalikes.weighted"): (above["positive"] + _over_lookalikes(above)) / 2,
            }
    return measured


def calibration(rows: pd.DataFrame, draw: Draw) -> dict[str, Array]:
    """Sums (R, BINS, 3) of P(yes) against the truth, by method that has probabilities; all photos count."""
    return {
        method: sum(
            metrics.binned(weights[group], part.p_yes.to_numpy(float), part.label.to_numpy(float))
            for group, part in parts.items()
        )
        for method, parts, weights in _by_method(rows, draw)
        if all(part.p_yes.notna().all() for part in parts.values())
    }


def questions(rows: pd.DataFrame, draw: Draw) -> Measured:
    """The question measures of one subject: a question's score is its mean over both orders."""
    measured = {}
    for kind, answers in rows.groupby("kind"):
        per_question = answers.groupby(["method", "photo", "question"], dropna=False).correct.mean()
        for method, scores in per_question.groupby("method"):
            weights = draw(len(scores), "questions", str(kind))
            measured[str(method), f"questions.{kind}"] = metrics.mean(weights, scores.to_numpy(float))
    return measured


def _by_method(rows: pd.DataFrame, draw: Draw) -> list[tuple[str, dict[str, pd.DataFrame], dict[str, Array]]]:
    """Each method's rows by group of photos, with the photos' weights, which all methods share."""
    rows = with_outcome(rows).sort_values(["owner", "photo"])
    sizes = rows[rows.method == rows.method.iloc[0]].against.value_counts() if len(rows) else {}
    weights = {group: draw(int(sizes.get(group, 0)), group) for group in GROUPS}
    return [
        (str(method), {group: answers[answers.against == group] for group in GROUPS}, weights)
        for method, answers in rows.groupby("method")
    ]


def ranks_of(rows: pd.DataFrame) -> Array:
    """What ranks photos: P(yes), or for a method without it, its answer. A constant one ranks all equal."""
    return rows.p_yes.fillna(rows.parsed.map({"yes": 1.0, "no": 0.0})).fillna(0.5).to_numpy(float)


def _over_lookalikes(groups: Mapping[str, Array]) -> Array:
    stacked = np.stack([groups[group] for group in LOOKALIKES])
    return metrics.macro(np.ones((stacked.shape[1], len(LOOKALIKES))), stacked)
