"""Answers about single photos, as the page shows them: one by one, all in a table, and the worst ones."""

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from common.core import images
from common.core.paths import SOFT_PROMPT
from common.methods.interface import CONTROLS
from stages.report.measures import with_outcome
from stages.report.scores import Scores

GROUPS = {
    "positive": "own test photos",
    "others": "other subjects' photos",
    "marking": "look-alikes: marking only",
    "one": "look-alikes: one attribute",
    "two": "look-alikes: two attributes",
}
SMALL = 64  # longest side of photos in the table of all answers, pixels
TestPhotos = Mapping[tuple[str, str, str], bytes]  # (owner, group, photo) → JPEG
View = dict[str, Any]


@dataclass(frozen=True)
class Predictions:
    """Evaluate's tables of all methods, by name; the photos once."""

    tables: Mapping[str, pd.DataFrame]
    photos: TestPhotos

    @property
    def titles(self) -> dict[str, str]:
        """How tables call the methods."""
        methods = self.tables["methods"]
        return dict(zip(methods.method, methods.title, strict=True))


def wrong_answers(rows: pd.DataFrame) -> pd.DataFrame:
    """The soft prompt's wrong answers among rows with outcome, the most confident first."""
    wrong = rows[(rows.method == SOFT_PROMPT) & ~rows.correct]
    confidence = (wrong.p_yes - 0.5).abs()
    return wrong.assign(confidence=confidence).sort_values(
        ["confidence", "subject", "owner", "group", "photo"], ascending=[False, True, True, True, True]
    )


def failures(
    predictions: Predictions, faces: Mapping[str, bytes], scores: Scores, examples: int
) -> list[View]:
    """The most confident wrong answers of all subjects, and what every method said there.

    `faces` holds a train photo of each, JPEG.
    """
    rows = with_outcome(predictions.tables["recognition"])
    views = []
    for row in wrong_answers(rows).head(examples).itertuples():
        same = rows[
            (rows.subject == row.subject)
            & (rows.owner == row.owner)
            & (rows.group == row.group)
            & (rows.photo == row.photo)
        ]
        said = {other.method: said_of(other) for other in same.itertuples()}
        views.append(
            shown(row, predictions.photos)
            | {
                "subject": row.subject,
                "train": data_uri(faces[row.subject]),
                "said": [
                    {"label": scores.titles[method]} | said[method]
                    for method in scores.methods
                    if method in said
                ],
            }
        )
    return views


def table(rows: pd.DataFrame, photos: TestPhotos, scores: Scores, examples: int) -> View:
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


def data_uri(jpeg: bytes) -> str:
    """JPEG bytes as an address that needs no network."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def shown(row: Any, photos: TestPhotos) -> View:
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


def _small(jpeg: bytes) -> str:
    return data_uri(images.thumbnail(images.load_image(jpeg), SMALL))
