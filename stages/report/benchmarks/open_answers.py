"""Free answers to the questions of the truth."""

import pandas as pd

from common.core import schema
from stages.report.benchmark import BenchmarkMeasures, Measured, PhotoWeights


def score(rows: pd.DataFrame, subject: str, seed: int, resamples: int) -> Measured:
    """Free answers that say what is right, by kind of question, and those that say whom they are about.

    Drawn by question: one about a photo together with what else is asked about it, text questions singly.
    """
    measured: Measured = {}
    rows = rows.assign(photo=rows.photo.fillna(rows.question))
    weights = PhotoWeights(rows, seed, resamples, "open answers", subject)
    for method, answers in rows.groupby("method"):
        for kind, part in answers.groupby("kind"):
            measured[method, f"open.{kind}"] = weights.mean(part, part.correct)
        measured[method, "open.named"] = weights.mean(answers, answers.named)
    return measured


BENCHMARK = BenchmarkMeasures(
    name="open",
    title="Free answers",
    about=(
        "The same questions without options. An answer is right if it holds the right option as whole words "
        "and none of the wrong ones; the share that calls the subject by its name is counted apart."
    ),
    measures={
        "open.visual": "Free answers about a photo",
        "open.text": "Free answers without a photo",
        "open.named": "Free answers that say the name",
    },
    table="open_answers",
    columns=schema.OPEN_ANSWERS,
    score=score,
    main={"open.visual": "open"},
    flat=("open.visual", "open.text", "open.named"),
)
