"""The table of the pipeline on real photographs, from what its runs measured."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

SHOWN = ("recognition", "questions.text")  # what the table's measures begin with


def table(found: Mapping[str, Any]) -> str:
    """The estimates of every method as Markdown, a table for each run, and how many negatives it had."""
    photos = list(next(iter(found["photos"].values())).values())
    train, test = (sum(count[split] for count in photos) for split in ("train", "test"))
    lines = [
        "# Real photographs",
        "",
        f"{len(photos)} subjects, {train} photos to learn from and {test} to test with. No base has seen any",
        "of them in pretraining. In brackets 95 % intervals over subjects and their photos. Another seed",
        "draws other photos to learn from; of several seeds, means are shown, of the bounds as well.",
        f"Commit `{found['commit']}`; made by `make photographs`.",
    ]
    for title, run in found["runs"].items():
        lines += ["", f"## {title}, {_seeds(list(run))}", "", *_table(run)]
    return "\n".join(lines) + "\n"


def _seeds(seeds: Sequence[str]) -> str:
    return f"seed{'s' * (len(seeds) > 1)} {', '.join(seeds)}"


def _table(run: Mapping[str, Any]) -> list[str]:
    """Negatives, and a line for each method; of the results of one run by seed."""
    estimates = next(iter(run.values()))["estimates"]
    measures = [name for name in estimates if name.startswith(SHOWN)]
    measures = [name for name in measures if _mean(run, name, "soft_prompt", "value") is not None]
    methods = {method: None for name in measures for method in estimates[name]}
    counts = [count for results in run.values() for count in results["negatives"].values()]
    hard, easy = (sum(count[role]["found"] for count in counts) / len(run) for role in ("hard", "easy"))
    return [
        f"{hard:,.0f} hard and {easy:,.0f} easy negatives for all subjects together.",
        "",
        f"| method | {' | '.join(measures)} |",
        f"|---|{'---:|' * len(measures)}",
        *(
            f"| {method.replace('_', ' ')} | {' | '.join(_cell(run, name, method) for name in measures)} |"
            for method in methods
        ),
    ]


def _mean(run: Mapping[str, Any], measure: str, method: str, part: str) -> float | None:
    """Over seeds; None where one of them measured nothing."""
    parts = [results["estimates"][measure].get(method, {}).get(part) for results in run.values()]
    return None if None in parts else statistics.mean(parts)


def _cell(run: Mapping[str, Any], measure: str, method: str) -> str:
    parts = [_mean(run, measure, method, part) for part in ("value", "low", "high")]
    return "n/a" if None in parts else "{:.3f} ({:.3f} to {:.3f})".format(*parts)
