"""What a series of experiments shows: means over seeds with intervals, as tables and curves.

Every seed is a world with other subjects, so that the seeds' intervals, each over its own subjects, are
independent: that of their mean is theirs in quadrature, each side for itself.
"""

import io
import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib

from common.methods.interface import CONTROLS

MEASURES = (
    "recognition.weighted",
    "recognition.lookalikes.weighted",
    "recognition.lookalikes.auc",
    "recognition.lookalikes.marking_auc",
    "questions.text",
)
ASKED = (
    "recognition.weighted",
    "recognition.lookalikes.weighted",
    "recognition.lookalikes.marking_auc",
    "questions.visual",
    "questions.text",
    "general.pope.accuracy",
    "general.mmbench.accuracy",
)
KEPT = ("recognition.weighted", "questions.text", "general.pope.accuracy", "general.mmbench.accuracy")
KINDS = {  # in intervals.json → title, None for that of the study
    "estimates": None,
    "soft_prompt_minus": "Lead of the soft prompt, paired",
}
Run = Mapping[str, Any]
Estimate = dict[str, Any]  # value, low, high, None where a seed measured nothing; by_seed


def summary(
    runs: Mapping[str, Run], method: str = "soft_prompt", measures: Sequence[str] = MEASURES
) -> dict[str, Any]:
    """Of one step, by seed: all metrics, and the mean over the seeds of each measure of a method."""
    return {
        "estimates": {measure: _estimate(runs, "estimates", measure, method) for measure in measures},
        "metrics": {seed: run["metrics"] for seed, run in runs.items()},
    }


def by_method(runs: Mapping[str, Run]) -> dict[str, dict[str, dict[str, Estimate]]]:
    """By kind (of KINDS), then by name of all methods and controls: each measure that they are asked."""
    return {kind: _of_kind(runs, kind) for kind in KINDS}


def _of_kind(runs: Mapping[str, Run], kind: str) -> dict[str, dict[str, Estimate]]:
    first = next(iter(runs.values()))["intervals"][kind]
    names = list(dict.fromkeys(name for measure in ASKED for name in first.get(measure, {})))
    return {
        name: {
            measure: _estimate(runs, kind, measure, name)
            for measure in ASKED
            if name in first.get(measure, {})
        }
        for name in names
    }


def table(title: str, steps: Mapping[str, Any], seeds: Sequence[str]) -> str:
    """The estimates of a study's steps as Markdown, with the lowest and highest seed of each."""
    rows = {step: of["estimates"] for step, of in steps.items()}
    return _markdown(title, "step", list(next(iter(rows.values()))), rows, seeds)


def methods_table(
    title: str, estimates: Mapping[str, Mapping[str, Mapping[str, Estimate]]], seeds: Sequence[str]
) -> str:
    """The same with a row per method, controls last, and then the soft prompt's lead over each.

    `estimates` as `by_method` gives it.
    """
    tables = []
    for kind, name in KINDS.items():
        order = sorted(estimates[kind], key=lambda method: method in CONTROLS)
        tables.append(
            _markdown(name or title, "method", ASKED, {one: estimates[kind][one] for one in order}, seeds)
        )
    return "\n".join(tables)


def curve(steps: Mapping[str, Any], axis: str) -> bytes:
    """SVG of the estimates over a study's steps, with their intervals; same numbers, same bytes."""
    matplotlib.use("svg")
    from matplotlib import pyplot

    with matplotlib.rc_context({"svg.hashsalt": "", "font.family": "DejaVu Sans"}):
        figure, axes = pyplot.subplots(figsize=(6.4, 4))
        for measure in MEASURES:
            shown = [(step, of["estimates"][measure]) for step, of in steps.items()]
            shown = [(int(step), e) for step, e in shown if None not in (e["value"], e["low"], e["high"])]
            if shown:
                places = [place for place, _ in shown]
                axes.plot(places, [e["value"] for _, e in shown], marker="o", label=measure)
                axes.fill_between(
                    places, [e["low"] for _, e in shown], [e["high"] for _, e in shown], alpha=0.1
                )
        axes.set_xlabel(axis)
        axes.set_ylim(0.4, 1.02)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8, loc="lower right")
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None}, bbox_inches="tight")
        pyplot.close(figure)
    return file.getvalue()


def _estimate(runs: Mapping[str, Run], kind: str, measure: str, method: str) -> Estimate:
    """The mean over seeds and its interval; None where a seed measured nothing."""
    estimates = [run["intervals"][kind].get(measure, {}).get(method, {}) for run in runs.values()]
    by_seed = {seed: one.get("value") for seed, one in zip(runs, estimates, strict=True)}
    if any(one.get(key) is None for one in estimates for key in ("value", "low", "high")):
        return {"value": None, "low": None, "high": None, "by_seed": by_seed}
    value = statistics.mean(by_seed.values())
    below, above = (
        math.hypot(*(one["value"] - one[side] for one in estimates)) / len(estimates)
        for side in ("low", "high")
    )
    rounded = {"value": round(value, 4), "low": round(value - below, 4), "high": round(value + above, 4)}
    return rounded | {"by_seed": by_seed}


def _markdown(
    title: str,
    first: str,
    measures: Sequence[str],
    rows: Mapping[str, Mapping[str, Estimate]],
    seeds: Sequence[str],
) -> str:
    lines = [
        f"# {title}",
        "",
        f"Means over seeds {', '.join(seeds)}, each with other subjects; in brackets the 95 % interval of",
        "the mean, below it the lowest and highest seed. Made by `make ablation`.",
        "",
        f"| {first} | {' | '.join(measures)} |",
        f"|---|{'---:|' * len(measures)}",
    ]
    for name, estimates in rows.items():
        cells = [_cell(estimates[measure]) if measure in estimates else "" for measure in measures]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(estimate: Estimate) -> str:
    if estimate["value"] is None:
        return "n/a"
    by_seed = estimate["by_seed"].values()
    return (
        f"{estimate['value']:.3f} ({estimate['low']:.3f} to {estimate['high']:.3f})"
        f"<br>{min(by_seed):.3f} to {max(by_seed):.3f}"
    )
