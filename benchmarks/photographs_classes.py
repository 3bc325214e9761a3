"""Recognition against subjects of the same class alone: a dog against the other dogs."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from common.core import io, paths, schema
from common.core.paths import SOFT_PROMPT
from stages.report.scores import score

TABLES = {
    "recognition": schema.RECOGNITION,
    "questions": schema.QUESTIONS,
    "threshold_set": schema.THRESHOLD_SET,
    "methods": schema.METHODS,
}
MEASURES = ("recognition.weighted", "recognition.auc")


def same_class(
    classes: Mapping[str, str], methods: Sequence[str], seed: int, resamples: int
) -> dict[str, dict[str, Any]]:
    """Estimates by measure, `same_class.…`, and method, of subjects (id → class) not alone in theirs."""
    tables = {
        name: pd.concat(
            io.read_parquet(paths.predictions(method, name), columns).to_pandas()
            for method in (SOFT_PROMPT, *methods)
        )
        for name, columns in TABLES.items()
    }
    rows = tables["recognition"]
    rows = rows[rows.subject.map(classes) == rows.owner.map(classes)]
    subjects = sorted(rows[rows.subject != rows.owner].subject.unique())
    titles = dict(zip(tables["methods"].method, tables["methods"].title, strict=True))
    scores = score({**tables, "recognition": rows}, titles, subjects, seed, resamples)
    return {
        f"same_class.{measure.rpartition('.')[2]}": {
            method: scores.interval(method, measure)._asdict()
            for method in titles
            if scores.has(method, measure)
        }
        for measure in MEASURES
    }
