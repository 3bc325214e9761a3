"""POPE and MMBench: what the model knew before."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from common.core import schema
from stages.report.benchmark import BenchmarkMeasures, Measured, PhotoWeights
from stages.report.detection import detection
from stages.report.metrics import Array

READINGS = {"parsed": "", "read": ".published"}  # column -> what it adds to a measure's benchmark


def score(rows: pd.DataFrame, subject: str, seed: int, resamples: int) -> Measured:
    """POPE and MMBench with the subject in place, and for base without anybody; from GENERAL.

    Strictly read under the plain names, and as the published scripts read under `.published`. POPE's settings
    are averaged. `unchanged` is the share of answers that are the base's, word for word.
    """
    own = rows[(rows.subject == subject) | rows.subject.isna()]
    if not (rows.subject == subject).any():
        return {}  # it was not drawn
    own = own.assign(key=own.file + " " + own.question_id + " " + own.order.astype(str))
    before = own[own.subject.isna()].set_index("key").answer
    measured: Measured = {}
    weights = PhotoWeights(own, seed, resamples, "general")  # the same photos for all subjects
    for (benchmark, method), answers in own.groupby(["benchmark", "method"]):
        score = _pope if benchmark == "pope" else _mmbench
        for column, suffix in READINGS.items():
            rates = score(answers.assign(said=answers[column]), weights)
            measured |= {
                (method, f"general.{benchmark}{suffix}.{name}"): rate for name, rate in rates.items()
            }
        if len(before):
            same = answers.answer.to_numpy() == before[answers.key].to_numpy()
            measured[method, f"general.{benchmark}.unchanged"] = weights.mean(answers, same)
    return measured


def _pope(answers: pd.DataFrame, weights: PhotoWeights) -> dict[str, Array]:
    """Each rate, averaged over the settings; and accuracy in each of them."""
    settings: dict[str, list[dict[str, Array]]] = {}
    for (_, setting), part in answers.groupby(["file", "category"]):
        said, truth = (part[name].to_numpy() == "yes" for name in ("said", "truth"))
        correct = part.said.to_numpy() == part.truth.to_numpy()
        rates = detection(weights.of(part), said, truth, correct)._asdict()
        settings.setdefault(setting, []).append(rates)
    return _averages([rates for files in settings.values() for rates in files]) | {
        f"{setting}.accuracy": _averages(files)["accuracy"] for setting, files in settings.items()
    }


def _averages(several: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    return {name: np.mean([rates[name] for rates in several], axis=0) for name in several[0]}


def _mmbench(answers: pd.DataFrame, weights: PhotoWeights) -> dict[str, Array]:
    """Accuracy with the options as written, over all questions and by category, and in all orders at once."""
    right = answers.assign(right=answers.said == answers.truth)
    plain = right[right.order == 0]
    every = right.groupby(["file", "question_id"], as_index=False).agg({"right": "all", "photo": "first"})
    return {
        "accuracy": weights.mean(plain, plain.right),
        "circular": weights.mean(every, every.right),
        **{
            f"category.{category}": weights.mean(part, part.right)
            for category, part in plain.groupby("category")
        },
    }


BENCHMARK = BenchmarkMeasures(
    name="general",
    title="What the model knew before",
    about=(
        "General questions about photos of nobody in particular, in the formats of POPE and MMBench, with "
        "a subject in place; base is the model without one. Unchanged is the share of answers that are the "
        "base's word for word. Answers are read strictly, and as the published scripts read them."
    ),
    measures={
        "general.pope.accuracy": "POPE accuracy",
        "general.pope.published.accuracy": "POPE accuracy, read as published",
        "general.pope.published.random.accuracy": "POPE random, read as published",
        "general.pope.published.popular.accuracy": "POPE popular, read as published",
        "general.pope.published.adversarial.accuracy": "POPE adversarial, read as published",
        "general.pope.f1": "POPE F1",
        "general.pope.yes_ratio": "POPE share of yes",
        "general.pope.unchanged": "POPE unchanged",
        "general.mmbench.accuracy": "MMBench accuracy",
        "general.mmbench.published.accuracy": "MMBench accuracy, read as published",
        "general.mmbench.circular": "MMBench right in all orders",
        "general.mmbench.unchanged": "MMBench unchanged",
    },
    table="general",
    columns=schema.GENERAL,
    score=score,
    main={"general.pope.accuracy": "pope", "general.mmbench.accuracy": "mmbench"},
    flat=(
        "general.pope.accuracy",
        "general.pope.unchanged",
        "general.mmbench.accuracy",
        "general.mmbench.unchanged",
    ),
)
