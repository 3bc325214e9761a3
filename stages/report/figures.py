"""The page's charts, from numbers that are there already."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from stages.report import axes, charts, number_format
from stages.report.axes import Axis
from stages.report.charts import Dot, Line
from stages.report.scores import DESCRIPTIONS, Scores

SHARE = (0.0, 0.25, 0.5, 0.75, 1.0)
LOGARITHMIC = ("stored_bytes",)
COLORS = 8  # of the style sheet; further methods are dashed
PlotRows = Sequence[Mapping[str, Any]]


def color(scores: Scores, method: str) -> str:
    """The classes of a method's line and key."""
    place = list(scores.titles).index(method)
    return f"c{place % COLORS}" + " dashed" * (place >= COLORS)


def loss(rows: PlotRows) -> Markup:
    """Median and spread of the training curves."""
    highest = max(row["p90"] for row in rows)
    return charts.line_chart(
        "Training loss by epoch, median and 10 to 90 percent of subjects",
        axes.epochs([row["epoch"] for row in rows]),
        Axis("epoch", 0, highest, axes.ticks(highest)),
        [Line("median", "method", [(row["epoch"], row["p50"]) for row in rows])],
        band=[(row["epoch"], row["p10"], row["p90"]) for row in rows],
    )


def roc(rows: PlotRows) -> Markup:
    """The soft prompt against three kinds of negatives."""
    names = {"others": "other subjects", "lookalikes": "look-alikes", "marking": "marking only"}
    return _roc("ROC curves of the soft prompt", [(title, name, rows, name) for name, title in names.items()])


def roc_by_method(scores: Scores, curves: Mapping[str, PlotRows]) -> Markup:
    """Every method against look-alikes."""
    lines = [
        (scores.titles[method], color(scores, method), rows, "lookalikes") for method, rows in curves.items()
    ]
    return _roc("ROC curves among look-alikes, by method", lines)


def histogram(rows: PlotRows) -> Markup:
    """P(yes) of the soft prompt by what a photo shows."""
    names = {
        "positive": ("own photos", "method"),
        "hard": ("look-alikes", "lookalikes"),
        "easy": ("other subjects", "others"),
    }
    return charts.histograms(
        "Distribution of P(yes)",
        Axis("P(yes)", 0, 1, SHARE),
        [(title, style, [row[name] for row in rows]) for name, (title, style) in names.items()],
    )


def reliability(scores: Scores, method: str) -> Markup:
    """Mean P(yes) of each bin against the share that is the subject, beside it how many photos that is."""
    return charts.dot_chart(
        f"Reliability of P(yes): {scores.titles[method]}",
        Axis("mean P(yes)", 0, 1, SHARE),
        Axis("", 0, 1, SHARE),
        [
            Dot(p, share, 4.5, "method", f"{n:,.0f}", f"{n:,.0f} photos: {p:.2f}, {share:.2f}")
            for n, p, share in scores.reliability(method).tolist()
        ],
        diagonal=True,
        joined=True,
    )


def priced(scores: Scores) -> list[str]:
    """Those whose cost is compared: the methods, and descriptions, which cost prompt tokens alone."""
    return [name for name in scores.titles if name in (*scores.methods, *DESCRIPTIONS)]


def cost_quality(
    scores: Scores, costs: Mapping[str, Mapping[str, float]], cost: str, label: str, measure: str
) -> Markup:
    """A measure with its interval against a cost; numbers are places in the table.

    Stored bytes stand on a logarithmic axis, prompt tokens, which may be 0, on a plain one.
    """
    quality = [(number, m, scores.interval(m, measure)) for number, m in enumerate(priced(scores), 1)]
    log = cost in LOGARITHMIC
    dots = [
        Dot(
            costs[method][cost],
            i.value,
            4,
            color(scores, method),
            str(number),
            f"{scores.titles[method]}: {number_format.text(i)}",
            None if math.isnan(i.low) else (i.low, i.high),
        )
        for number, method, i in quality
        if not math.isnan(i.value) and (costs[method][cost] > 0 or not log)
    ]
    low, high = min(dot.x for dot in dots), max(dot.x for dot in dots)
    across = axes.decades(low, high) if log else axes.ticks(1.1 * max(high, 1))
    end = across[-1] if log else 1.1 * max(high, 1)
    lowest = min(end for dot in dots for end in (dot.y, *(dot.ends or ())))
    ticks = [tick for tick in SHARE if tick > lowest - 0.25]
    return charts.dot_chart(
        f"Quality against {label}",
        Axis(label, across[0], end, across, log),
        Axis("", ticks[0], 1, ticks),
        dots,
    )


def _roc(title: str, lines: Sequence[tuple[str, str, PlotRows, str]]) -> Markup:
    share = Axis("false-positive rate", 0, 1, SHARE)
    drawn = [
        Line(name, style, [(row["false_positive_rate"], row[column]) for row in rows])
        for name, style, rows, column in lines
        if rows[0][column] is not None
    ]
    return charts.line_chart(title, share, share, drawn, diagonal=True)
