"""Measures of the other tasks: free answers, two subjects in one photo, captions, and general questions.

Each function gives one subject's arrays (R,) by (method, measure), as `scores` has them for recognition.
Photos are the unit of the bootstrap: what is asked about one is drawn together, and alike for all methods.

    R  1 + number of bootstrap resamples
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from common.core import seed as seeds
from stages.report import metrics
from stages.report.detection import detection
from stages.report.metrics import Array

READINGS = {"parsed": "", "read": ".published"}  # column -> what it adds to a measure's benchmark
MME = {  # the halves of MME's score
    "perception": (
        *("existence", "count", "position", "color", "posters"),
        *("celebrity", "scene", "landmark", "artwork", "OCR"),
    ),
    "cognition": ("commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning"),
}
Measured = dict[tuple[str, str], Array]


def open_answers(rows: pd.DataFrame, subject: str, seed: int, resamples: int) -> Measured:
    """Free answers that say what is right, by kind of question, and those that say whom they are about.

    Drawn by question: one about a photo together with what else is asked about it, text questions singly.
    """
    found: Measured = {}
    rows = rows.assign(photo=rows.photo.fillna(rows.question))
    weights = _Weights(rows, seed, resamples, "open answers", subject)
    for method, answers in rows.groupby("method"):
        for kind, part in answers.groupby("kind"):
            found[method, f"open.{kind}"] = weights.mean(part, part.correct)
        found[method, "open.named"] = weights.mean(answers, answers.named)
    return found


def two_subjects(rows: pd.DataFrame, subject: str, seed: int, resamples: int) -> Measured:
    """Presence and sides, from the subject's rows of TOGETHER; a side's score is the mean of both orders."""
    found: Measured = {}
    weights = _Weights(rows, seed, resamples, "together", subject)
    for method, answers in rows.groupby("method"):
        parts = {
            "present": answers[(answers.kind == "presence") & (answers.role != "absent")],
            "absent": answers[answers.role == "absent"],
            "sides": answers[answers.kind == "side"],
        }
        for name, part in parts.items():
            found[method, f"two_subjects.{name}"] = weights.mean(part, part.correct)
        both = found[method, "two_subjects.present"], found[method, "two_subjects.absent"]
        found[method, "two_subjects.weighted"] = np.mean(both, axis=0)
    return found


def captions(rows: pd.DataFrame, subject: str, seed: int, resamples: int) -> Measured:
    """How often the exact token ``<id>`` occurs in captions of the subject's photos, and only there.

    From the subject's rows of CAPTIONS. There are as many photos of others as evaluate was told to draw, so
    precision is that at this proportion.
    """
    found: Measured = {}
    rows = rows.assign(photo=rows.owner + "/" + rows.photo)
    weights = _Weights(rows, seed, resamples, "captions", subject)
    for (method, named), answers in rows.groupby(["method", "named"]):
        said = answers.answer.str.contains(f"<{subject}>", regex=False).to_numpy(bool)
        truth = answers.label.to_numpy(bool)
        rates = detection(weights.of(answers), said, truth, said == truth)
        # where no photo of others was asked about, a caption cannot name the subject wrongly
        for name in ("recall", "precision", "f1") if not truth.all() else ("recall",):
            found[method, f"captions.{'named' if named else 'unnamed'}.{name}"] = getattr(rates, name)
    return found


def general(rows: pd.DataFrame, subject: str, seed: int, resamples: int) -> Measured:
    """POPE and MMBench with the subject in place, and for base without anybody; from GENERAL.

    Strictly read under the plain names, and as the published scripts read under `.published`. POPE's settings
    are averaged. `unchanged` is the share of answers that are the base's, word for word.
    """
    own = rows[(rows.subject == subject) | rows.subject.isna()]
    if not (rows.subject == subject).any():
        return {}  # it was not drawn
    own = own.assign(key=own.file + " " + own.question_id + " " + own.order.astype(str))
    before = own[own.subject.isna()].set_index("key").answer
    found: Measured = {}
    weights = _Weights(own, seed, resamples, "general")  # the same photos for all subjects
    for (benchmark, method), answers in own.groupby(["benchmark", "method"]):
        score = _pope if benchmark == "pope" else _mmbench
        for column, suffix in READINGS.items():
            rates = score(answers.assign(said=answers[column]), weights)
            found |= {(method, f"general.{benchmark}{suffix}.{name}"): rate for name, rate in rates.items()}
        if len(before):
            same = answers.answer.to_numpy() == before[answers.key].to_numpy()
            found[method, f"general.{benchmark}.unchanged"] = weights.mean(answers, same)
    return found


def vqa(rows: pd.DataFrame, subject: str, seed: int, resamples: int) -> Measured:
    """Further general questions with the subject in place, and for base without anybody; from VQA.

    Accuracy as published, strictly read accuracy, and the share of answers that are the base's. MME besides:
    images with both answers right, and the shares of the points for perception and for cognition.
    """
    own = rows[(rows.subject == subject) | rows.subject.isna()]
    if not (rows.subject == subject).any():
        return {}  # it was not drawn, or nothing of this was asked
    keys = own.benchmark + " " + own.file + " " + own.question_id
    own = own.assign(key=keys, photo=own.photo.astype(object).where(own.photo.notna(), keys).astype(str))
    before = own[own.subject.isna()].set_index("key").answer
    found: Measured = {}
    weights = _Weights(own, seed, resamples, "vqa")  # the same photos for all subjects
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
        found |= {(method, f"vqa.{benchmark}.{name}"): rate for name, rate in rates.items()}
    return found


def _mme(answers: pd.DataFrame, weights: "_Weights") -> dict[str, Array]:
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


def _pope(answers: pd.DataFrame, weights: "_Weights") -> dict[str, Array]:
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


def _averages(found: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    return {name: np.mean([rates[name] for rates in found], axis=0) for name in found[0]}


def _mmbench(answers: pd.DataFrame, weights: "_Weights") -> dict[str, Array]:
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


class _Weights:
    """Weights of answers under resamples of their photos."""

    def __init__(self, rows: pd.DataFrame, seed: int, resamples: int, *names: str) -> None:
        photos = sorted(rows.photo.unique())
        self._place = {photo: place for place, photo in enumerate(photos)}
        self._draws = metrics.draws(seeds.stream(seed, "report", *names), len(photos), resamples)

    def of(self, rows: pd.DataFrame) -> Array:
        """(R, n) for n answers."""
        return self._draws[:, rows.photo.map(self._place).to_numpy(int)]

    def mean(self, rows: pd.DataFrame, values: pd.Series) -> Array:
        """Weighted means (R,)."""
        return metrics.mean(self.of(rows), np.asarray(values, dtype=float))
