"""Further general questions: TextVQA, VQAv2, GQA, MME and ScienceQA."""

import numpy as np
import pandas as pd

from common.core import schema
from stages.report.benchmark import BenchmarkMeasures, Measured, PhotoWeights
from stages.report.metrics import Array

MME = {  # the halves of MME's score
    "perception": (
        *("existence", "count", "position", "color", "posters"),
        *("celebrity", "scene", "landmark", "artwork", "OCR"),
    ),
    "cognition": ("commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning"),
}


def score(rows: pd.DataFrame, subject: str, seed: int, resamples: int) -> Measured:
    """Further general questions with the subject in place, and for base without anybody; from VQA.

    Accuracy as published, strictly read accuracy, and the share of answers that are the base's. MME besides:
    images with both answers right, and the shares of the points for perception and for cognition.
    """
    own = rows[(rows.subject == subject) | rows.subject.isna()]
    if not (rows.subject == subject).any():
        return {}  # it was not drawn, or nothing of this was asked
    keys = own.benchmark + " " + own.file + " " + own.question_id
    own = own.assign(key=keys, photo=own.photo.fillna(keys))
    before = own[own.subject.isna()].set_index("key").answer
    measured: Measured = {}
    weights = PhotoWeights(own, seed, resamples, "vqa")  # the same photos for all subjects
    for (benchmark, method), answers in own.groupby(["benchmark", "method"]):
        rates = {
            "accuracy": weights.mean(answers, answers.score),
            "strict": weights.mean(answers, answers.strict),
        }
        if benchmark == "mme":
            rates |= _mme(answers, weights)
        if len(before):
            same = answers.answer.to_numpy() == before[answers.key].to_numpy()
            rates["unchanged"] = weights.mean(answers, same)
        measured |= {(method, f"vqa.{benchmark}.{name}"): rate for name, rate in rates.items()}
    return measured


def _mme(answers: pd.DataFrame, weights: PhotoWeights) -> dict[str, Array]:
    """Accuracy+ over all images; by half, the mean over tasks of accuracy and accuracy+, their 200 points."""
    images = answers.groupby(["category", "photo"], as_index=False).agg({"score": "min"})
    rates = {"accuracy_plus": weights.mean(images, images.score)}
    for half, tasks in MME.items():
        points = [
            (weights.mean(part, part.score) + weights.mean(both, both.score)) / 2
            for task, part in answers.groupby("category")
            if task in tasks
            for both in [images[images.category == task]]
        ]
        if points:
            rates[half] = np.mean(points, axis=0)
    return rates


BENCHMARK = BenchmarkMeasures(
    name="vqa",
    title="Further abilities it had before",
    about=(
        "General questions in the formats of TextVQA, VQAv2, GQA, MME and ScienceQA, with a subject in "
        "place; base is the model without one. Scored as published; strictly, an answer is one of the right "
        "ones, but for case and a final period. MME's points are a share of what can be reached."
    ),
    measures={
        "vqa.textvqa.accuracy": "TextVQA",
        "vqa.textvqa.strict": "TextVQA, strictly",
        "vqa.textvqa.unchanged": "TextVQA unchanged",
        "vqa.vqav2.accuracy": "VQAv2",
        "vqa.vqav2.strict": "VQAv2, strictly",
        "vqa.vqav2.unchanged": "VQAv2 unchanged",
        "vqa.gqa.accuracy": "GQA",
        "vqa.gqa.strict": "GQA, strictly",
        "vqa.gqa.unchanged": "GQA unchanged",
        "vqa.mme.accuracy": "MME accuracy",
        "vqa.mme.accuracy_plus": "MME accuracy+",
        "vqa.mme.perception": "MME perception, share of points",
        "vqa.mme.cognition": "MME cognition, share of points",
        "vqa.mme.strict": "MME accuracy, strictly",
        "vqa.mme.unchanged": "MME unchanged",
        "vqa.scienceqa.accuracy": "ScienceQA",
        "vqa.scienceqa.strict": "ScienceQA, strictly",
        "vqa.scienceqa.unchanged": "ScienceQA unchanged",
    },
    table="vqa",
    columns=schema.VQA,
    score=score,
    optional=True,
)
