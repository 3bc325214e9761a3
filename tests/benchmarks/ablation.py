"""python -m tests.benchmarks.ablation: the paper's ladder as DVC experiments, and what each step brings.

Each configuration runs the whole pipeline for each seed in a temporary copy of the repository; what they
share comes from DVC's run-cache. `dvc exp show` lists the experiments, `dvc exp apply` brings one back.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from stages.core import errors, io, paths

LADDER = {  # experiment → changes of params.yaml
    "recognition-only": ["train.data.conversations=false", "train.data.hard=false"],
    "conversations": ["train.data.hard=false"],
    "hard-negatives": [],
    "no-latent-tokens": ["train.latent_tokens=0"],
}
MEASURES = (
    "recognition.weighted",
    "recognition.siblings.weighted",
    "recognition.siblings.auc",
    "questions.text",
)
TABLE = paths.REPORTS / "ablation.md"


def main(*seeds: str) -> str:
    """Run the ladder for the seeds and write reports/ablation.md."""
    if not seeds or not all(seed.isdigit() for seed in seeds):
        raise errors.UserError("usage: python -m tests.benchmarks.ablation SEED …")
    names = [(step, f"{step}-{seed}") for step in LADDER for seed in seeds]
    own = [word for folder in sorted(paths.OWN_SUBJECTS.glob("*/")) for word in ("--copy-paths", str(folder))]
    for (step, name), seed in zip(names, seeds * len(LADDER), strict=True):
        changes = [word for change in [f"seed={seed}", *LADDER[step]] for word in ("--set-param", change)]
        _dvc("exp", "run", "--temp", "--force", "--name", name, *own, *changes)
    results = {step: [_metrics(name) for of, name in names if of == step] for step in LADDER}
    io.write_bytes(TABLE, table(results, seeds).encode())
    return f"{len(names)} experiments, {TABLE}"


def table(results: dict[str, list[dict[str, float]]], seeds: Sequence[str]) -> str:
    """Mean over the seeds and, in brackets, the lowest and highest."""
    lines = [
        "# Ablation",
        "",
        f"Mean over seeds {', '.join(seeds)} (lowest to highest). Made by `make ablation`.",
        "",
        f"| training data | {' | '.join(MEASURES)} |",
        f"|---|{'---:|' * len(MEASURES)}",
    ]
    for step, runs in results.items():
        cells = []
        for measure in MEASURES:
            values = [run[measure] for run in runs]
            cells.append(f"{statistics.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})")
        lines.append(f"| {step} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _metrics(experiment: str) -> dict[str, float]:
    """metrics.json as the experiment committed it."""
    shown = _dvc("exp", "show", "--json", "--all-commits", capture=True)
    revisions = {
        found["name"]: found["rev"]
        for baseline in json.loads(shown)
        for entry in baseline["experiments"] or []
        for found in entry["revs"]
    }
    text = subprocess.run(
        ["git", "show", f"{revisions[experiment]}:{paths.METRICS}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return json.loads(text)


def _dvc(*words: str, capture: bool = False) -> str:
    done = subprocess.run([Path(sys.executable).with_name("dvc"), *words], text=True, capture_output=capture)
    if done.returncode:
        raise errors.UserError(
            f"dvc {' '.join(words[:2])} failed, see above: mend it and run `make ablation` again"
        )
    return done.stdout or ""


if __name__ == "__main__":
    errors.run(main)
