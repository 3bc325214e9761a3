"""What latent tokens say of themselves, and what that is worth: does it predict what the subject's facts are?

What an explanation predicts was scored by evaluate, which knows the truth.
"""

from typing import Any

import pandas as pd

from common.core import seed as seeds
from stages.report import metrics

PLACES = {  # in the order of tables
    "alone": "The token alone",
    "in_prompt": "The token behind its whole soft prompt",
    "untrained": "An untrained row behind the whole soft prompt",
}
View = dict[str, Any]


def worth(rows: pd.DataFrame, seed: int, resamples: int) -> list[View]:
    """By place: what explanations predict of their own subject's facts, of others', and the difference.

    Means over tokens, then subjects, with intervals over subjects. Empty where no subject has such questions.
    `rows` are those of TOKEN_EXPLANATIONS.
    """
    scored = rows[rows.predicts.notna()]
    means = scored.groupby(["place", "subject"])[["predicts", "predicts_others"]].mean()
    if means.empty:
        return []
    count = scored.subject.nunique()
    weights = metrics.draws(seeds.stream(seed, "report", "explanations"), count, resamples)
    views = []
    for place, title in PLACES.items():
        own, others = means.loc[place].to_numpy(float).T  # (S,) each
        sides = {"own": own, "others": others, "difference": own - others}
        views.append(
            {"title": title}
            | {name: metrics.interval(metrics.mean(weights, values)) for name, values in sides.items()}
        )
    return views


def of_subject(rows: pd.DataFrame) -> View:
    """One subject's explanations: the question, and an answer for each token and place."""
    answers = rows.pivot(index="token", columns="place", values="answer")
    return {
        "question": rows.question.iloc[0] if len(rows) else None,
        "places": list(PLACES.values()),
        "rows": [
            {"token": token, "answers": [said[place] for place in PLACES]}
            for token, said in answers.iterrows()
        ],
    }
