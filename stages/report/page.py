"""The HTML page: what page.html.jinja shows, prepared as plain values.

One self-contained file: style sheet, charts and images are inlined, nothing is fetched, no script runs. All
text goes through Jinja's autoescaping, since captions and answers come from the web and from models. Bytes
depend on the inputs alone. Charts are drawn in figures.py, subjects prepared in subject_view.py, photos with
answers in answers.py.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from common.core.io import Row
from common.core.paths import SOFT_PROMPT
from common.methods.interface import CONTROLS
from stages.report import figures, number_format, paper
from stages.report.benchmarks import AT_THRESHOLD, BENCHMARKS, BY_SUBJECT, HEADS, MEASURES
from stages.report.domains import Domain
from stages.report.metrics import Interval
from stages.report.results import APART, differences
from stages.report.scores import Scores
from stages.report.tables import FOREIGN, members_by_kind

HERE = Path(__file__).parent


def render(
    headline: Domain,
    rest: Sequence[Domain],
    made_with: Mapping[str, str],
    kinds: Mapping[str, str],
    totals: Mapping[str, int],
    plots: Mapping[str, Sequence[Mapping[str, Any]]],
    curves: Mapping[str, Sequence[Mapping[str, Any]]],
    costs: Mapping[str, Mapping[str, float]],
    unread: Mapping[str, float],
    subjects: Sequence[Row],
    failures: Sequence[Row],
    shown: Row | None,
    worth: Sequence[Row],
) -> str:
    """The whole page: the numbers of the headline's domain, then those of the rest.

    `made_with` holds what the numbers depend on, by name, `totals` counts by name, `plots` rows by file
    name, `curves` ROC rows, `costs` means and `unread` shares of answers by method, `subjects` and `failures`
    views in order, `shown` a dialog (see subject_view.dialog), `worth` what explanations of latent tokens
    predict (see explanations.worth).
    """
    scores = headline.scores
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    for name in ("decimal", "signed", "count", "size", "percent", "subjects"):
        environment.filters[name] = getattr(number_format, name)
    return environment.get_template("page.html.jinja").render(
        style=Markup((HERE / "style.css").read_text(encoding="utf-8")),
        headline=headline,
        made_with=made_with,
        shown=shown,
        worth=worth,
        apart=[{"domain": domain, "rows": _apart(domain)} for domain in rest],
        heads_apart=[HEADS[measure] for measure in APART] + [FOREIGN],
        gain=_gain(scores),
        heads_main=[HEADS[measure] for measure in scores.main()],
        overview=_overview(scores, unread),
        differences=_differences(scores),
        costs=_costs(scores, costs),
        cost_charts=_cost_charts(scores, costs),
        thresholds=_thresholds(scores),
        reliability=[
            {"label": scores.titles[method], "chart": figures.reliability(scores, method)}
            for method in scores.methods
            if method in scores.bins
        ],
        benchmarks=_benchmarks(scores),
        comparisons=paper.compare([headline, *rest]),
        totals=totals,
        measures=BY_SUBJECT,
        kinds=_by_kind(scores, kinds),
        loss=figures.loss(plots["loss"]),
        roc=figures.roc(plots["roc"]),
        roc_by_method=figures.roc_by_method(scores, curves),
        keys=[{"label": scores.titles[m], "style": figures.color(scores, m)} for m in curves],
        histogram=figures.histogram(plots["scores"]),
        subjects=subjects,
        failures=failures,
    )


def _row(scores: Scores, method: str) -> Row:
    return {"method": method, "label": scores.titles[method], "control": method in CONTROLS}


def _apart(domain: Domain) -> list[Row]:
    """What is said of subjects that are not part of the headline."""
    return [
        _row(domain.scores, method)
        | {
            "cells": [domain.scores.interval(method, measure) for measure in APART],
            "rejected": domain.rejected.get(method, math.nan),
        }
        for method in domain.scores.titles
        if any(domain.scores.has(method, measure) for measure in APART)
    ]


def _hardest(scores: Scores) -> str:
    """Recognition among look-alikes, where there are any, else among the other subjects."""
    lookalikes, others = "recognition.lookalikes.weighted", "recognition.weighted"
    return others if math.isnan(scores.interval(SOFT_PROMPT, lookalikes).value) else lookalikes


def _gain(scores: Scores) -> Row:
    """The soft prompt against the better of the two descriptions."""
    measure = _hardest(scores)
    control = scores.best_description(measure)
    return {
        "lookalikes": "lookalikes" in measure,
        "difference": scores.difference(measure, SOFT_PROMPT, control),
        "control": scores.titles[control].lower(),
    }


def _overview(scores: Scores, unread: Mapping[str, float]) -> list[Row]:
    """The main measures by method, each with its place on a track from 0 to 1."""
    apart = {measure: differences(scores, measure) for measure in scores.main()}
    rows = []
    for method in scores.titles:
        cells = []
        for measure in scores.main():
            estimate, minus = scores.interval(method, measure), apart[measure].get(method)
            sign = math.copysign(1, minus.value) if minus and minus.excludes_zero else 0
            cells.append({"asked": scores.has(method, measure), "sign": sign, **_position(estimate)})
        rows.append(_row(scores, method) | {"cells": cells, "unread": unread.get(method, math.nan)})
    return rows


def _position(interval: Interval) -> Row:
    """Where an interval lies on a track from 0 to 1, in percent."""
    low, high = (interval.value if math.isnan(end) else end for end in interval[1:])
    return {
        "interval": interval,
        "dot": round(100 * interval.value, 1),
        "left": round(100 * low, 1),
        "width": round(100 * (high - low), 1),
    }


def _differences(scores: Scores) -> list[Row]:
    by_measure = {measure: differences(scores, measure) for measure in scores.main()}
    return [
        _row(scores, method) | {"cells": [of.get(method) for of in by_measure.values()]}
        for method in scores.titles
        if any(method in of for of in by_measure.values())
    ]


def _costs(scores: Scores, costs: Mapping[str, Mapping[str, float]]) -> list[Row]:
    return [_row(scores, method) | costs[method] for method in figures.priced(scores)]


def _cost_charts(scores: Scores, costs: Mapping[str, Mapping[str, float]]) -> list[Row]:
    measure = _hardest(scores)
    axes = {"prompt_tokens": "prompt tokens", "stored_bytes": "stored bytes of a subject, logarithmic"}
    return [
        {
            "quality": MEASURES[measure],
            "label": label,
            "chart": figures.cost_quality(scores, costs, cost, label, measure),
        }
        for cost, label in axes.items()
        if not math.isnan(scores.interval(SOFT_PROMPT, measure).value)
    ]


def _thresholds(scores: Scores) -> list[Row]:
    return [
        _row(scores, method)
        | {
            "threshold": scores.thresholds.get(method, math.nan),
            "error": scores.calibration_error(method),
            "cells": [scores.interval(method, m) for both in AT_THRESHOLD.items() for m in both],
        }
        for method in scores.titles
        if method in scores.bins
    ]


def _benchmarks(scores: Scores) -> list[Row]:
    """All measures, benchmark by benchmark; one that nobody was asked is left out."""
    sections = []
    for benchmark in BENCHMARKS:
        rows = [
            _row(scores, method) | {"cells": [scores.interval(method, m) for m in benchmark.measures]}
            for method in scores.titles
            if any(scores.has(method, m) for m in benchmark.measures)
        ]
        if rows:
            sections.append({"benchmark": benchmark, "rows": rows})
    return sections


def _by_kind(scores: Scores, kinds: Mapping[str, str]) -> list[Row]:
    return [
        {
            "kind": kind,
            "n": len(members),
            "cells": [scores.interval(SOFT_PROMPT, measure, members) for measure in BY_SUBJECT],
        }
        for kind, members in members_by_kind(kinds, scores.subjects).items()
    ]
