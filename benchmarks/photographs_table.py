"""What runs on real photographs show, as Markdown: means over seeds of every method and control."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

SHOWN = ("recognition", "same_class", "questions.text")  # what the table's measures begin with


def table(computed: Mapping[str, Any], wanted: Mapping[str, Sequence[str]]) -> str:
    """The estimates of every method as Markdown, a table for each run, and how many negatives it had.

    Args:
        computed: photos and runs, as results.json holds them.
        wanted: seeds by title of run; those that were not run yet are listed.

    """
    photos = list(next(iter(computed["photos"].values())).values())
    train, test = (sum(count[split] for count in photos) for split in ("train", "test"))
    lines = [
        "# Real photographs",
        "",
        f"{len(photos)} subjects, {train} photos to learn from and {test} to test with. No base has seen any",
        "of them in pretraining. In brackets 95 % intervals over subjects and their photos. Another seed",
        "draws other photos to learn from; of several seeds, means are shown, of the bounds as well.",
        "Made by `make photographs`.",
    ]
    for title in (title for title in wanted if title in computed["runs"]):
        run = computed["runs"][title]
        lines += ["", f"## {title}, {_seeds(list(run))}", "", *_table(run)]
    missing = {
        title: [seed for seed in seeds if seed not in computed["runs"].get(title, {})]
        for title, seeds in wanted.items()
    }
    left = [f"- {title}, {_seeds(seeds)}" for title, seeds in missing.items() if seeds]
    lines += ["", "## Not run yet", "", *left] if left else []
    return "\n".join(lines) + "\n"


def _seeds(seeds: Sequence[str]) -> str:
    return f"seed{'s' * (len(seeds) > 1)} {', '.join(seeds)}"


def _table(run: Mapping[str, Any]) -> list[str]:
    """Negatives, and a line for each method; of the results of one run by seed."""
    estimates = next(iter(run.values()))["estimates"]
    measures = [name for name in estimates if name.startswith(SHOWN)]
    measures = [name for name in measures if mean(run, name, "soft_prompt")]
    methods = {method: None for name in measures for method in estimates[name]}
    counts = [count for results in run.values() for count in results["negatives"].values()]
    hard, easy = (sum(count[role]["found"] for count in counts) / len(run) for role in ("hard", "easy"))
    return [
        f"{hard:,.0f} hard and {easy:,.0f} easy negatives for all subjects together. Commit {commits(run)}; "
        f"base {_bases(run)}.",
        "",
        f"| method | {' | '.join(measures)} |",
        f"|---|{'---:|' * len(measures)}",
        *(
            f"| {method.replace('_', ' ')} | {' | '.join(_cell(run, name, method) for name in measures)} |"
            for method in methods
        ),
    ]


def commits(run: Mapping[str, Any]) -> str:
    """What a run's results by seed are of, each once."""
    return ", ".join(dict.fromkeys(f"`{results['commit']}`" for results in run.values()))


def _bases(run: Mapping[str, Any]) -> str:
    """What git calls the weights that the results by seed were made with, each once."""
    return ", ".join(dict.fromkeys(f"`{results['base'][:7]}`" for results in run.values()))


def mean(run: Mapping[str, Any], measure: str, method: str) -> dict[str, float] | None:
    """Value and bounds, each the mean over the run's seeds; None where one of them measured nothing."""
    estimates = [
        results["estimates"].get(measure, {}).get(method) or {"value": None} for results in run.values()
    ]
    if any(estimate["value"] is None for estimate in estimates):
        return None
    return {
        part: statistics.mean(estimate[part] for estimate in estimates) for part in ("value", "low", "high")
    }


def _cell(run: Mapping[str, Any], measure: str, method: str) -> str:
    shown = mean(run, measure, method)
    return "n/a" if shown is None else "{value:.3f} ({low:.3f} to {high:.3f})".format(**shown)
