"""What the page and the contact sheets show of one subject, as plain values."""

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from stages.report import charts
from stages.report.charts import Axis, Line
from stages.report.material import Material
from stages.report.scores import Scores, with_outcome

GROUPS = {
    "positive": "own test photos",
    "others": "other subjects' photos",
    "marking": "look-alikes: marking only",
    "one": "look-alikes: one attribute",
    "two": "look-alikes: two attributes",
}
COMPARED = ("soft_prompt", "short_description", "base")
Photos = Mapping[tuple[str, str, str], bytes]  # (owner, group, photo) → JPEG
View = dict[str, Any]


@dataclass(frozen=True)
class Predictions:
    """Evaluate's tables."""

    recognition: pd.DataFrame
    questions: pd.DataFrame
    conversations: pd.DataFrame
    titles: Mapping[str, str]
    photos: Photos


def subject_view(
    subject: str, material: Material, predictions: Predictions, scores: Scores, examples: int
) -> View:
    """One subject's part of the page; `examples` limits the wrong answers shown."""
    rows = with_outcome(predictions.recognition[predictions.recognition.subject == subject])
    own = rows[(rows.method == "soft_prompt") & (rows.against == "positive")].sort_values("photo")
    wrong = wrong_answers(rows)
    return {
        "id": subject,
        "kind": material.kind,
        "weighted": scores.of(subject, "soft_prompt", "recognition.weighted"),
        "siblings": scores.of(subject, "soft_prompt", "recognition.siblings.weighted"),
        "questions": [
            (title, [scores.of(subject, method, f"questions.{kind}") for method in COMPARED])
            for kind, title in (("text", "questions without a photo"), ("visual", "questions about a photo"))
        ],
        "train": [data_uri(image) for image in material.train],
        "test": [_shown(row, predictions.photos) for row in own.itertuples()],
        "hardest": [
            {"image": data_uri(negative.image), "score": negative.score, "caption": negative.caption}
            for negative in material.hardest
        ],
        "curve": _curve(material.curve),
        "groups": _groups(rows),
        "compared": [scores.titles[method] for method in COMPARED],
        "wrong": [_shown(row, predictions.photos) for row in wrong.head(examples).itertuples()],
        "wrong_total": len(wrong),
        "asked": int((rows.method == "soft_prompt").sum()),
        "chats": _chats(
            predictions.conversations[predictions.conversations.subject == subject], predictions.photos
        ),
        "descriptions": material.descriptions,
        "counts": material.counts,
    }


def wrong_answers(rows: pd.DataFrame) -> pd.DataFrame:
    """The soft prompt's wrong answers among one subject's rows (with outcome), the most confident first."""
    wrong = rows[(rows.method == "soft_prompt") & ~rows.correct]
    confidence = (wrong.p_yes - 0.5).abs()
    return wrong.assign(confidence=confidence).sort_values(
        ["confidence", "owner", "group", "photo"], ascending=[False, True, True, True]
    )


def data_uri(jpeg: bytes) -> str:
    """JPEG bytes as an address that needs no network."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def _shown(row: Any, photos: Photos) -> View:
    return {
        "image": data_uri(photos[row.owner, row.group, row.photo]),
        "owner": row.owner,
        "photo": row.photo,
        "against": row.against,
        "group": GROUPS[row.against],
        "correct": row.correct,
        "answer": row.answer,
        "unreadable": pd.isna(row.parsed),
        "p_yes": row.p_yes,
    }


def _groups(rows: pd.DataFrame) -> list[View]:
    shares = rows.pivot_table(index="against", columns="method", values="correct", aggfunc="mean")
    sizes = rows[rows.method == "soft_prompt"].against.value_counts()
    return [
        {
            "title": title,
            "n": int(sizes.get(group, 0)),
            "shares": [
                float(shares.loc[group, method]) if group in sizes else math.nan for method in COMPARED
            ],
        }
        for group, title in GROUPS.items()
    ]


def _chats(rows: pd.DataFrame, photos: Photos) -> list[View]:
    """Questions with both answers; captions of photos first."""
    found = []
    for (photo, _, question), answers in rows.groupby(["photo", "turn", "question"], dropna=False):
        said = dict(zip(answers.method, answers.answer, strict=True))
        image = None if pd.isna(photo) else data_uri(photos[answers.subject.iloc[0], "test", photo])
        found.append({"image": image, "photo": photo, "question": question, "said": said})
    return found


def _curve(curve: pd.DataFrame) -> Markup:
    epochs = curve.epoch.tolist()
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
