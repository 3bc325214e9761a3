"""What the page and the contact sheets show of one subject and of single photos, as plain values."""

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from stages.core import images
from stages.core.paths import SOFT_PROMPT
from stages.report import charts
from stages.report.charts import Axis, Line
from stages.report.material import Material
from stages.report.measures import with_outcome
from stages.report.scores import CONTROLS, Scores

GROUPS = {
    "positive": "own test photos",
    "others": "other subjects' photos",
    "marking": "look-alikes: marking only",
    "one": "look-alikes: one attribute",
    "two": "look-alikes: two attributes",
}
SMALL = 64  # longest side of photos in the table of all answers, pixels
Photos = Mapping[tuple[str, str, str], bytes]  # (owner, group, photo) → JPEG
View = dict[str, Any]


@dataclass(frozen=True)
class Predictions:
    """Evaluate's tables, of all methods; photos once."""

    recognition: pd.DataFrame
    validation: pd.DataFrame
    questions: pd.DataFrame
    conversations: pd.DataFrame
    methods: pd.DataFrame
    photos: Photos

    @property
    def titles(self) -> dict[str, str]:
        """How tables call the methods."""
        return dict(zip(self.methods.method, self.methods.title, strict=True))


def subject_view(
    subject: str, material: Material, predictions: Predictions, scores: Scores, examples: int
) -> View:
    """One subject's part of the page; `examples` limits the wrong answers shown."""
    rows = with_outcome(predictions.recognition[predictions.recognition.subject == subject])
    own = rows[(rows.method == SOFT_PROMPT) & (rows.against == "positive")].sort_values("photo")
    wrong = wrong_answers(rows)
    chats = predictions.conversations[predictions.conversations.subject == subject]
    return {
        "id": subject,
        "kind": material.kind,
        "weighted": scores.of(subject, SOFT_PROMPT, "recognition.weighted"),
        "siblings": scores.of(subject, SOFT_PROMPT, "recognition.siblings.weighted"),
        "train": [data_uri(image) for image in material.train],
        "test": [shown(row, predictions.photos) for row in own.itertuples()],
        "hardest": [
            {"image": data_uri(negative.image), "score": negative.score, "caption": negative.caption}
            for negative in material.hardest
        ],
        "curve": _curve(material.curve),
        "groups": list(GROUPS.values()),
        "sizes": _sizes(rows),
        "methods": _methods(subject, rows, scores),
        "answers": _answers(rows, predictions.photos, scores, examples),
        "wrong": [shown(row, predictions.photos) for row in wrong.head(examples).itertuples()],
        "wrong_total": len(wrong),
        "asked": int((rows.method == SOFT_PROMPT).sum()),
        "chats": _chats(chats, predictions.photos, scores.titles),
        "descriptions": material.descriptions,
        "counts": material.counts,
    }


def wrong_answers(rows: pd.DataFrame) -> pd.DataFrame:
    """The soft prompt's wrong answers among rows with outcome, the most confident first."""
    wrong = rows[(rows.method == SOFT_PROMPT) & ~rows.correct]
    confidence = (wrong.p_yes - 0.5).abs()
    return wrong.assign(confidence=confidence).sort_values(
        ["confidence", "subject", "owner", "group", "photo"], ascending=[False, True, True, True, True]
    )


def failures(
    predictions: Predictions, material: Mapping[str, Material], scores: Scores, examples: int
) -> list[View]:
    """The most confident wrong answers of all subjects, and what every method said there."""
    rows = with_outcome(predictions.recognition)
    found = []
    for row in wrong_answers(rows).head(examples).itertuples():
        same = rows[
            (rows.subject == row.subject)
            & (rows.owner == row.owner)
            & (rows.group == row.group)
            & (rows.photo == row.photo)
        ]
        said = {other.method: said_of(other) for other in same.itertuples()}
        found.append(
            shown(row, predictions.photos)
            | {
                "subject": row.subject,
                "train": data_uri(material[row.subject].train[0]),
                "said": [
                    {"label": scores.titles[method]} | said[method]
                    for method in scores.methods
                    if method in said
                ],
            }
        )
    return found


def data_uri(jpeg: bytes) -> str:
    """JPEG bytes as an address that needs no network."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def shown(row: Any, photos: Photos) -> View:
    """A photo and what was answered, of a row with outcome."""
    return said_of(row) | {
        "image": data_uri(photos[row.owner, row.group, row.photo]),
        "owner": row.owner,
        "photo": row.photo,
        "against": row.against,
        "group": GROUPS[row.against],
    }


def said_of(row: Any) -> View:
    """An answer: what it was, and whether right."""
    return {
        "correct": row.correct,
        "answer": row.answer,
        "unreadable": pd.isna(row.parsed),
        "p_yes": math.nan if pd.isna(row.p_yes) else row.p_yes,
    }


def _sizes(rows: pd.DataFrame) -> list[int]:
    counted = rows[rows.method == SOFT_PROMPT].against.value_counts()
    return [int(counted.get(group, 0)) for group in GROUPS]


def _methods(subject: str, rows: pd.DataFrame, scores: Scores) -> list[View]:
    """Shares answered rightly, by method: groups of photos, then questions."""
    shares = rows.pivot_table(index="method", columns="against", values="correct", aggfunc="mean")
    shares = shares.reindex(columns=list(GROUPS))
    return [
        {
            "method": method,
            "label": title,
            "control": method in CONTROLS,
            "shares": (shares.loc[method].tolist() if method in shares.index else [math.nan] * len(GROUPS))
            + [scores.of(subject, method, f"questions.{kind}") for kind in ("visual", "text")],
        }
        for method, title in scores.titles.items()
    ]


def _answers(rows: pd.DataFrame, photos: Photos, scores: Scores, examples: int) -> View:
    """What every method said about own photos, look-alikes, and the others' photos most often mistaken."""
    methods = [method for method in scores.titles if (rows.method == method).any()]
    by_photo: dict[str, dict[tuple[str, str, str], View]] = {group: {} for group in GROUPS}
    for row in rows.sort_values(["owner", "group", "photo"]).itertuples():
        key = (row.owner, row.group, row.photo)
        by_photo[row.against].setdefault(key, {})[row.method] = said_of(row)
    mistaken = {
        key: sum(not said["correct"] for method, said in answers.items() if method not in CONTROLS)
        for key, answers in by_photo["others"].items()
    }
    worst = sorted((key for key in mistaken if mistaken[key]), key=lambda key: (-mistaken[key], key))
    by_photo["others"] = {key: by_photo["others"][key] for key in worst[:examples]}
    return {
        "labels": [scores.titles[method] for method in methods],
        "groups": [
            {
                "title": GROUPS[group] + (" most often mistaken" if group == "others" else ""),
                "rows": [
                    {
                        "image": _small(photos[key]),
                        "name": f"{key[0]} {key[2]}",
                        "cells": [answers.get(method) for method in methods],
                    }
                    for key, answers in by_photo[group].items()
                ],
            }
            for group in ("positive", "marking", "one", "two", "others")
            if by_photo[group]
        ],
    }


def _small(jpeg: bytes) -> str:
    return data_uri(images.thumbnail(images.load_image(jpeg), SMALL))


def _chats(rows: pd.DataFrame, photos: Photos, titles: Mapping[str, str]) -> list[View]:
    """Questions with all answers; about photos first."""
    found = []
    for (photo, _, question), answers in rows.groupby(["photo", "turn", "question"], dropna=False):
        said = dict(zip(answers.method, answers.answer, strict=True))
        image = None if pd.isna(photo) else data_uri(photos[answers.subject.iloc[0], "test", photo])
        others = [(title, said[m]) for m, title in titles.items() if m in said and m != SOFT_PROMPT]
        found.append(
            {"image": image, "photo": photo, "question": question, "soft_prompt": said[SOFT_PROMPT]}
            | {"others": others}
        )
    return found


def _curve(curve: pd.DataFrame) -> Markup:
    epochs: Sequence[int] = curve.epoch.tolist()
    highest = max(float(curve.loss.max()), 1.0)
    return charts.line_chart(
        "Training loss and validation accuracy by epoch",
        charts.epochs(epochs),
        Axis("", 0, highest, charts.ticks(highest)),
        [
            Line("training loss", "method", list(zip(epochs, curve.loss, strict=True))),
            Line("validation accuracy", "right", list(zip(epochs, curve.weighted, strict=True))),
        ],
    )
