"""Captions, named or not."""

import pandas as pd

from common.core import schema
from stages.report.benchmark import BenchmarkMeasures, Measured, PhotoWeights
from stages.report.detection import detection


def score(rows: pd.DataFrame, subject: str, seed: int, resamples: int) -> Measured:
    """How often the exact token ``<id>`` occurs in captions of the subject's photos, and only there.

    From the subject's rows of CAPTIONS. There are as many photos of others as evaluate was told to draw, so
    precision is that at this proportion.
    """
    measured: Measured = {}
    rows = rows.assign(photo=rows.owner + "/" + rows.photo)
    weights = PhotoWeights(rows, seed, resamples, "captions", subject)
    for (method, named), answers in rows.groupby(["method", "named"]):
        said = answers.answer.str.contains(f"<{subject}>", regex=False).to_numpy(bool)
        truth = answers.label.to_numpy(bool)
        rates = detection(weights.of(answers), said, truth, said == truth)
        # where no photo of others was asked about, a caption cannot name the subject wrongly
        for name in ("recall", "precision", "f1") if not truth.all() else ("recall",):
            measured[method, f"captions.{'named' if named else 'unnamed'}.{name}"] = getattr(rates, name)
    return measured


BENCHMARK = BenchmarkMeasures(
    name="captions",
    title="Captions",
    about=(
        "Does a caption hold the subject's name where the subject is, and only there? Asked by name, which "
        "gives it away, and not. Photos of others are as many as were drawn: precision is that at this "
        "proportion."
    ),
    measures={
        "captions.named.recall": "Asked by name: recall",
        "captions.named.precision": "Asked by name: precision",
        "captions.named.f1": "Asked by name: F1",
        "captions.unnamed.recall": "Not by name: recall",
        "captions.unnamed.precision": "Not by name: precision",
        "captions.unnamed.f1": "Not by name: F1",
    },
    table="captions",
    columns=schema.CAPTIONS,
    score=score,
    main={"captions.unnamed.f1": "caption"},
    flat=("captions.named.f1", "captions.unnamed.f1"),
    heads={"captions.unnamed.f1": "Name in captions, F1"},
)
