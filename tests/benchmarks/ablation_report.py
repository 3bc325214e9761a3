"""What a series of experiments shows: means over seeds with intervals, as tables and curves."""

import io
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib

from stages.report.scores import CONTROLS

MEASURES = (
    "recognition.weighted",
    "recognition.siblings.weighted",
    "recognition.siblings.auc",
    "recognition.siblings.marking_auc",
    "questions.text",
)
ASKED = ("recognition.weighted", "recognition.siblings.weighted", "questions.visual", "questions.text")
Run = Mapping[str, Any]
Estimate = dict[str, float | None]  # value, low, high: means over seeds; by_seed


def summary(runs: Mapping[str, Run]) -> dict[str, Any]:
    """Of one step, by seed: all metrics, and each measure's estimate and interval as means over the seeds.

    The interval is that of one run, over subjects and photos; the mean over seeds is known better than that.
    """
    return {
        "estimates": {measure: _estimate(runs, measure, "soft_prompt") for measure in MEASURES},
        "metrics": {seed: run["metrics"] for seed, run in runs.items()},
    }


def by_method(runs: Mapping[str, Run]) -> dict[str, dict[str, Estimate]]:
    """Of all methods and controls, by name: each measure that they are asked."""
    first = next(iter(runs.values()))["intervals"]["estimates"]
    names = list(dict.fromkeys(name for measure in ASKED for name in first.get(measure, {})))
    return {
        name: {measure: _estimate(runs, measure, name) for measure in ASKED if name in first.get(measure, {})}
        for name in names
    }


def table(title: str, found: Mapping[str, Any], seeds: Sequence[str]) -> str:
    """The estimates of a study's steps as Markdown, with the lowest and highest seed of each."""
    rows = {step: of["estimates"] for step, of in found.items()}
    return _markdown(title, "step", MEASURES, rows, seeds)


def methods_table(title: str, found: Mapping[str, Mapping[str, Estimate]], seeds: Sequence[str]) -> str:
    """The same with a row per method, controls last."""
    order = sorted(found, key=lambda name: name in CONTROLS)
    return _markdown(title, "method", ASKED, {name: found[name] for name in order}, seeds)


def curve(found: Mapping[str, Any], axis: str) -> bytes:
    """SVG of the estimates over a study's steps, with their intervals; same numbers, same bytes."""
    matplotlib.use("svg")
    from matplotlib import pyplot

    with matplotlib.rc_context({"svg.hashsalt": "", "font.family": "DejaVu Sans"}):
        figure, axes = pyplot.subplots(figsize=(6.4, 4))
        for measure in MEASURES:
            shown = [(step, of["estimates"][measure]) for step, of in found.items()]
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


def _estimate(runs: Mapping[str, Run], measure: str, method: str) -> Estimate:
    """Means over seeds; None where a seed measured nothing."""
    found = [run["intervals"]["estimates"].get(measure, {}).get(method, {}) for run in runs.values()]
    return {key: _mean([one.get(key) for one in found]) for key in ("value", "low", "high")} | {
        "by_seed": {seed: one.get("value") for seed, one in zip(runs, found, strict=True)}
    }


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
        f"Means over seeds {', '.join(seeds)}; in brackets the 95 % interval of one run over its subjects",
        "(mean of the seeds' intervals), below it the lowest and highest seed. Made by `make ablation`.",
        "",
        f"| {first} | {' | '.join(measures)} |",
        f"|---|{'---:|' * len(measures)}",
    ]
    for name, estimates in rows.items():
        cells = [_cell(estimates[measure]) if measure in estimates else "" for measure in measures]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(estimate: Estimate) -> str:
    by_seed = list(estimate["by_seed"].values())
    if None in (estimate["value"], estimate["low"], estimate["high"], *by_seed):
        return "n/a"
    return (
        f"{estimate['value']:.3f} ({estimate['low']:.3f} to {estimate['high']:.3f})"
        f"<br>{min(by_seed):.3f} to {max(by_seed):.3f}"
    )


def _mean(values: Sequence[float | None]) -> float | None:
    return None if None in values else round(statistics.mean(values), 4)
