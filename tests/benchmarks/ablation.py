"""python -m tests.benchmarks.ablation SEED …: the paper's ladder as DVC experiments.

Each step of the ladder runs the whole pipeline for each seed, in a temporary copy of the repository. Another
seed is another world with other subjects. What the runs share comes from DVC's run-cache; an experiment that
this commit already has is not run again, so that an interrupted ladder goes on where it stopped. `dvc exp
show` lists the experiments, `dvc exp apply` brings one back.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stages.core import errors, io, paths

LADDER = {  # step → changes of params.yaml; every step but the last adds to the one before
    "recognition-only": ("train.data.conversations=false", "train.data.hard=false"),
    "conversations": ("train.data.hard=false",),
    "hard-negatives": (),  # params.yaml as it is
    "no-latent-tokens": ("train.latent_tokens=0",),
}
MEASURES = (
    "recognition.weighted",
    "recognition.siblings.weighted",
    "recognition.siblings.auc",
    "recognition.siblings.marking_auc",
    "questions.text",
)
BY_SEED = (
    *MEASURES,
    "recognition.control.short_description",
    "recognition.siblings.control.short_description",
)
JSON, TABLE = (paths.REPORTS / f"ablation.{kind}" for kind in ("json", "md"))
Run = Mapping[str, Any]  # one experiment: {"metrics": metrics.json, "intervals": intervals.json}


def main(*seeds: str) -> str:
    """Run the ladder for the seeds; write reports/ablation.json and reports/ablation.md."""
    if not seeds or not all(seed.isdigit() for seed in seeds):
        raise errors.UserError("usage: python -m tests.benchmarks.ablation SEED …")
    seeds = tuple(dict.fromkeys(seeds))
    if _run("git", "status", "--porcelain", "--untracked-files=no", capture=True):
        raise errors.UserError("tracked files have changes: commit them, an experiment belongs to a commit")
    there = _revisions()
    own = [word for folder in sorted(paths.OWN_SUBJECTS.glob("*/")) for word in ("--copy-paths", str(folder))]
    for seed in seeds:  # the steps of one seed share most, so they follow each other
        for step, changes in LADDER.items():
            name = f"{step}-{seed}"
            if name in there:
                continue
            words = [word for change in (f"seed={seed}", *changes) for word in ("--set-param", change)]
            _dvc("exp", "run", "--temp", "--name", name, *own, *words)
    after = _revisions()
    runs = {step: {seed: _results(after[f"{step}-{seed}"]) for seed in seeds} for step in LADDER}
    found = {step: summary(by_seed) for step, by_seed in runs.items()}
    io.write_json(JSON, found)
    io.write_bytes(TABLE, table(found, seeds).encode())
    return f"{len(LADDER) * len(seeds)} experiments, {TABLE}"


def summary(runs: Mapping[str, Run]) -> dict[str, Any]:
    """Of one step, by seed: all metrics, and each measure's estimate and interval as means over the seeds.

    The interval is that of one run, over subjects and photos; the mean over seeds is known better than that.
    """
    estimates = {}
    for measure in MEASURES:
        found = [run["intervals"]["estimates"][measure]["soft_prompt"] for run in runs.values()]
        estimates[measure] = {key: _mean([one[key] for one in found]) for key in ("value", "low", "high")}
    return {"estimates": estimates, "metrics": {seed: run["metrics"] for seed, run in runs.items()}}


def table(found: Mapping[str, Any], seeds: Sequence[str]) -> str:
    """The estimates as Markdown, with the lowest and highest seed of each."""
    lines = [
        "# Ablation",
        "",
        f"Means over seeds {', '.join(seeds)}; in brackets the 95 % interval of one run over its subjects",
        "(mean of the seeds' intervals), below it the lowest and highest seed. Made by `make ablation`.",
        "",
        f"| step | {' | '.join(MEASURES)} |",
        f"|---|{'---:|' * len(MEASURES)}",
    ]
    for step, of in found.items():
        cells = []
        for measure, estimate in of["estimates"].items():
            by_seed = [metrics[measure] for metrics in of["metrics"].values()]
            cells.append(
                "n/a"
                if None in (*estimate.values(), *by_seed)
                else f"{estimate['value']:.3f} ({estimate['low']:.3f} to {estimate['high']:.3f})"
                f"<br>{min(by_seed):.3f} to {max(by_seed):.3f}"
            )
        lines.append(f"| {step} | {' | '.join(cells)} |")
    lines += [
        "",
        "params.yaml as it is (hard-negatives), seed by seed, beside the description in the prompt:",
        "",
    ]
    lines += [f"| | {' | '.join(f'seed {seed}' for seed in seeds)} |", f"|---|{'---:|' * len(seeds)}"]
    for measure in BY_SEED:
        by_seed = [metrics[measure] for metrics in found["hard-negatives"]["metrics"].values()]
        shown = ["n/a" if value is None else f"{value:.3f}" for value in by_seed]
        lines.append(f"| {measure} | {' | '.join(shown)} |")
    return "\n".join(lines) + "\n"


def _mean(values: Sequence[float | None]) -> float | None:
    """None where a seed measured nothing."""
    return None if None in values else round(statistics.mean(values), 4)


def _revisions() -> dict[str, str]:
    """Commits of the experiments on this commit, by name."""
    shown = json.loads(_dvc("exp", "show", "--json", capture=True))
    found = [entry for baseline in shown for entry in baseline["experiments"] or []]
    return {revision["name"]: revision["rev"] for entry in found for revision in entry["revs"]}


def _results(revision: str) -> Run:
    """The results as the experiment committed them."""
    files = {"metrics": paths.METRICS, "intervals": paths.INTERVALS}
    return {
        key: json.loads(_run("git", "show", f"{revision}:{path}", capture=True))
        for key, path in files.items()
    }


def _dvc(*words: str, capture: bool = False) -> str:
    return _run(str(Path(sys.executable).with_name("dvc")), *words, capture=capture)


def _run(*words: str, capture: bool) -> str:
    done = subprocess.run(words, text=True, stdout=subprocess.PIPE if capture else None)
    if done.returncode:
        command = " ".join((Path(words[0]).name, *words[1:3]))
        raise errors.UserError(f"`{command}` failed, see above: mend it and run `make ablation` again")
    return done.stdout or ""


if __name__ == "__main__":
    errors.run(main)
