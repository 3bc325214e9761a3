"""Two subjects in one photo."""

import numpy as np
import pandas as pd

from common.core import schema
from stages.report.benchmark import BenchmarkMeasures, Measured, PhotoWeights


def score(rows: pd.DataFrame, subject: str, seed: int, resamples: int) -> Measured:
    """Presence and sides, from rows of TWO_SUBJECTS; a side's score is the mean of both orders."""
    measured: Measured = {}
    weights = PhotoWeights(rows, seed, resamples, "together", subject)
    for method, answers in rows.groupby("method"):
        parts = {
            "present": answers[(answers.kind == "presence") & (answers.role != "absent")],
            "absent": answers[answers.role == "absent"],
            "sides": answers[answers.kind == "side"],
        }
        for name, part in parts.items():
            measured[method, f"two_subjects.{name}"] = weights.mean(part, part.correct)
        both = measured[method, "two_subjects.present"], measured[method, "two_subjects.absent"]
        measured[method, "two_subjects.weighted"] = np.mean(both, axis=0)
    return measured


BENCHMARK = BenchmarkMeasures(
    name="two_subjects",
    title="Two subjects in one photo",
    about=(
        "Photos of two subjects: is this one here, with one taught; and who stands on which side, with both "
        "taught and in both orders of the options."
    ),
    measures={
        "two_subjects.present": "Subject found beside another",
        "two_subjects.absent": "Subject not there rejected",
        "two_subjects.weighted": "Recognition in photos of two",
        "two_subjects.sides": "Who stands on which side",
    },
    table="two_subjects",
    columns=schema.TWO_SUBJECTS,
    score=score,
    main={"two_subjects.weighted": "two_subjects"},
    flat=("two_subjects.weighted", "two_subjects.sides"),
)
