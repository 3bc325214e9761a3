"""Predictions to measures: one number per subject, method and bootstrap resample.

Owns which rows are the positives and negatives of which measure; their arithmetic is in metrics.py. A sibling
measure is the mean over the groups of siblings, so that every group counts alike.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stages.core import seed as seeds
from stages.core.paths import SOFT_PROMPT
from stages.report import metrics
from stages.report.metrics import Array, Interval

SIBLINGS = ("marking", "one", "two")
CONTROLS = (  # in the order of every table; what the soft prompt is compared with comes before them
    "short_description",
    "long_description",
    "base",
    "other_subject",
    "empty_prompt",
    "blind",
    "majority",
)
MEASURES = {
    "recognition.positive": "Subject found in its own photos",
    "recognition.negative": "Other subjects' photos rejected",
    "recognition.weighted": "Recognition",
    "recognition.auc": "AUC",
    "recognition.siblings.negative": "Look-alikes rejected",
    "recognition.siblings.weighted": "Recognition among look-alikes",
    "recognition.siblings.auc": "AUC among look-alikes",
    "recognition.siblings.marking_auc": "AUC, marking only",
    "questions.visual": "Questions about a photo",
    "questions.text": "Questions without a photo",
}


@dataclass(frozen=True)
class Scores:
    """Measures by (method, measure): arrays (S, R), NaN where a subject has nothing to measure.

    `titles` names the methods in the order of every table: the soft prompt, those compared with it, controls.
    """

    subjects: tuple[str, ...]
    titles: dict[str, str]
    seed: int
    values: dict[tuple[str, str], Array]

    def of(self, subject: str, method: str, measure: str) -> float:
        """One subject's estimate, NaN if there is none."""
        if (method, measure) not in self.values:
            return float("nan")
        return float(self.values[method, measure][self.subjects.index(subject), 0])

    def interval(self, method: str, measure: str, subjects: Iterable[str] | None = None) -> Interval:
        """Macro average over subjects (all, or these) with its interval."""
        return metrics.interval(self._macro(method, measure, subjects))

    def difference(self, measure: str, method: str, control: str) -> Interval:
        """Method minus control on the same resamples."""
        return metrics.interval(self._macro(method, measure, None) - self._macro(control, measure, None))

    def _macro(self, method: str, measure: str, subjects: Iterable[str] | None) -> Array:
        chosen = [
            self.subjects.index(subject) for subject in (self.subjects if subjects is None else subjects)
        ]
        resamples = next(iter(self.values.values())).shape[1] - 1
        nothing = np.full((len(self.subjects), resamples + 1), np.nan)
        generator = seeds.stream(self.seed, "report", "subjects", *map(str, chosen))
        weights = metrics.draws(generator, len(chosen), resamples)
        return metrics.macro(weights, self.values.get((method, measure), nothing)[chosen])


def score(
    recognition: pd.DataFrame,
    questions: pd.DataFrame,
    titles: Mapping[str, str],
    subjects: Iterable[str],
    seed: int,
    resamples: int,
) -> Scores:
    """Score the RECOGNITION and QUESTIONS tables of these subjects; `titles` by method, in any order."""
    subjects = tuple(subjects)
    others = [name for name in titles if name not in (SOFT_PROMPT, *CONTROLS)]
    ordered = {name: titles[name] for name in (SOFT_PROMPT, *others, *CONTROLS) if name in titles}
    rows = {}
    for subject in subjects:
        rows[subject] = _recognition(recognition[recognition.subject == subject], subject, seed, resamples)
        rows[subject] |= _questions(questions[questions.subject == subject], subject, seed, resamples)
    names = sorted({name for measured in rows.values() for name in measured})
    nothing = np.full(resamples + 1, np.nan)
    values = {name: np.stack([rows[subject].get(name, nothing) for subject in subjects]) for name in names}
    return Scores(subjects, ordered, seed, values)


def with_outcome(recognition: pd.DataFrame) -> pd.DataFrame:
    """RECOGNITION with what the measures need: `against` (positive, others, marking, one, two) and `correct`.

    An answer that is neither yes nor no is wrong, whatever the truth.
    """
    against = recognition.group.str.removeprefix("sibling-").replace("test", "others")
    truth = recognition.label.map({True: "yes", False: "no"})
    return recognition.assign(
        against=against.mask(recognition.label, "positive"), correct=recognition.parsed == truth
    )


def _recognition(rows: pd.DataFrame, subject: str, seed: int, resamples: int) -> dict[tuple[str, str], Array]:
    """All recognition measures (R,) of one subject by (method, measure)."""
    rows = with_outcome(rows).sort_values(["owner", "photo"])
    groups = ("positive", "others", *SIBLINGS)
    sizes = rows[rows.method == "soft_prompt"].against.value_counts()
    weights = {
        group: metrics.draws(
            seeds.stream(seed, "report", subject, group), int(sizes.get(group, 0)), resamples
        )
        for group in groups
    }
    found = {}
    for method, answers in rows.groupby("method"):
        parts = {group: answers[answers.against == group] for group in groups}
        # A constant answer has no probability and ranks everything equal.
        p_yes = {group: part.p_yes.fillna(0.5).to_numpy(float) for group, part in parts.items()}
        right = {
            group: metrics.mean(weights[group], part.correct.to_numpy(float)) for group, part in parts.items()
        }
        areas = {
            group: metrics.auc(weights["positive"], p_yes["positive"], weights[group], p_yes[group])
            for group in groups[1:]
        }
        every = np.ones((resamples + 1, len(SIBLINGS)))
        negative = metrics.macro(every, np.stack([right[group] for group in SIBLINGS]))
        area = metrics.macro(every, np.stack([areas[group] for group in SIBLINGS]))
        found |= {
            (method, "recognition.positive"): right["positive"],
            (method, "recognition.negative"): right["others"],
            (method, "recognition.weighted"): (right["positive"] + right["others"]) / 2,
            (method, "recognition.auc"): areas["others"],
            (method, "recognition.siblings.negative"): negative,
            (method, "recognition.siblings.weighted"): (right["positive"] + negative) / 2,
            (method, "recognition.siblings.auc"): area,
            (method, "recognition.siblings.marking_auc"): areas["marking"],
        }
    return found


def _questions(rows: pd.DataFrame, subject: str, seed: int, resamples: int) -> dict[tuple[str, str], Array]:
    """The question measures (R,) of one subject: a question's score is its mean over both orders."""
    found = {}
    keys = ["photo", "question"]
    for kind, answers in rows.groupby("kind"):
        per_question = answers.groupby(["method", *keys], dropna=False).correct.mean()
        for method, scores in per_question.groupby("method"):
            generator = seeds.stream(seed, "report", subject, "questions", str(kind))
            weights = metrics.draws(generator, len(scores), resamples)
            found[method, f"questions.{kind}"] = metrics.mean(weights, scores.to_numpy(float))
    return found
