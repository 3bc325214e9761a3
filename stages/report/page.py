"""The HTML page: what page.html.jinja shows, prepared as plain values.

One self-contained file: style sheet, charts and images are inlined, nothing is fetched, no script runs. All
text goes through Jinja's autoescaping, since captions and answers come from the web and from models. Bytes
depend on the inputs alone. Subjects are prepared in subject_view.py.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from stages.report import charts
from stages.report.charts import Axis, Line
from stages.report.metrics import Interval
from stages.report.results import best_description, decimal, members_by_kind
from stages.report.scores import CONTROLS, MEASURES, Scores

HERE = Path(__file__).parent
SHARE = (0.0, 0.25, 0.5, 0.75, 1.0)
SEEING = ("short_description", "long_description", "base", "other_subject", "empty_prompt")
TOLD = ("short_description", "base", "blind", "majority")
CARDS = (  # measure, title, explanation, controls shown beside all methods
    (
        "recognition.weighted",
        "Recognition",
        "Own test photos accepted and all other subjects' photos rejected: mean of both accuracies.",
        SEEING,
    ),
    (
        "recognition.siblings.weighted",
        "Recognition among look-alikes",
        "The same against look-alikes never seen in training, which differ in a marking, in one attribute "
        "or in two; each group counts alike.",
        SEEING,
    ),
    (
        "recognition.siblings.marking_auc",
        "Told apart by a marking alone",
        "AUC against look-alikes that share every attribute one can name; .50 is chance.",
        SEEING,
    ),
    (
        "questions.text",
        "Questions without a photo",
        "Two options, asked in both orders, from the definition alone.",
        TOLD,
    ),
    (
        "questions.visual",
        "Questions about a photo",
        "Two options, asked in both orders, about a test photo.",
        TOLD,
    ),
)


def render(
    scores: Scores,
    kinds: Mapping[str, str],
    totals: Mapping[str, int],
    plots: Mapping[str, Sequence[Mapping[str, Any]]],
    subjects: Sequence[Any],
) -> str:
    """The whole page; `totals` are counts by name, `plots` by file name, `subjects` views in order."""
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["decimal"] = decimal
    return environment.get_template("page.html.jinja").render(
        style=Markup((HERE / "style.css").read_text(encoding="utf-8")),
        cards=[_card(scores, *card) for card in CARDS],
        gain=_gain(scores),
        measures=MEASURES,
        overview=_overview(scores),
        totals=totals,
        kinds=_by_kind(scores, kinds),
        loss=_loss(plots["loss"]),
        roc=_roc(plots["roc"]),
        histogram=_histogram(plots["scores"]),
        subjects=subjects,
    )


def _card(scores: Scores, measure: str, title: str, about: str, controls: Sequence[str]) -> dict[str, Any]:
    asked = [method for method in scores.titles if (method, measure) in scores.values]
    shown = [method for method in asked if method not in CONTROLS or method in controls]
    return {
        "title": title,
        "about": about,
        "best": scores.interval("soft_prompt", measure),
        "rows": [
            {"method": method, "label": scores.titles[method], **_position(scores.interval(method, measure))}
            for method in shown
        ],
    }


def _position(interval: Interval) -> dict[str, Any]:
    """Where an interval lies on a track from 0 to 1, in percent."""
    low, high = (interval.value if math.isnan(end) else end for end in interval[1:])
    return {
        "interval": interval,
        "dot": round(100 * interval.value, 2),
        "left": round(100 * low, 2),
        "width": round(100 * (high - low), 2),
    }


def _gain(scores: Scores) -> dict[str, Any]:
    """The method against the better of the two descriptions, among look-alikes where there are any."""
    measures = ("recognition.siblings.weighted", "recognition.weighted")
    measure = next(
        (m for m in measures if not math.isnan(scores.interval("soft_prompt", m).value)), measures[1]
    )
    control = best_description(scores, measure)
    return {
        "siblings": measure == measures[0],
        "difference": scores.difference(measure, "soft_prompt", control),
        "control": scores.titles[control].lower(),
    }


def _overview(scores: Scores) -> list[dict[str, Any]]:
    return [
        {
            "method": method,
            "label": label,
            "cells": [scores.interval(method, measure) for measure in MEASURES],
        }
        for method, label in scores.titles.items()
        if any((method, measure) in scores.values for measure in MEASURES)
    ]


def _by_kind(scores: Scores, kinds: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "kind": kind,
            "n": len(members),
            "cells": [scores.interval("soft_prompt", measure, members) for measure in MEASURES],
        }
        for kind, members in members_by_kind(kinds).items()
    ]


def _loss(rows: Sequence[Mapping[str, Any]]) -> Markup:
    highest = max(row["p90"] for row in rows)
    return charts.line_chart(
        "Training loss by epoch, median and 10 to 90 percent of subjects",
        charts.epochs([row["epoch"] for row in rows]),
        Axis("loss", 0, highest, charts.ticks(highest)),
        [Line("median", "method", [(row["epoch"], row["p50"]) for row in rows])],
        band=[(row["epoch"], row["p10"], row["p90"]) for row in rows],
    )


def _roc(rows: Sequence[Mapping[str, Any]]) -> Markup:
    share = Axis("false-positive rate", 0, 1, SHARE)
    names = {"others": "other subjects", "siblings": "look-alikes", "marking": "marking only"}
    lines = [
        Line(title, name, [(row["false_positive_rate"], row[name]) for row in rows])
        for name, title in names.items()
        if rows[0][name] is not None
    ]
    return charts.line_chart("ROC curves", share, share, lines, diagonal=True)


def _histogram(rows: Sequence[Mapping[str, Any]]) -> Markup:
    names = {
        "positive": ("own photos", "method"),
        "hard": ("look-alikes", "siblings"),
        "easy": ("other subjects", "others"),
    }
    return charts.histograms(
        "Distribution of P(yes)",
        Axis("P(yes)", 0, 1, SHARE),
        [(title, style, [row[name] for row in rows]) for name, (title, style) in names.items()],
    )
