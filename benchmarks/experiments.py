"""Experiments of DVC: the whole pipeline with changed parameters, in a temporary copy of the repository.

What runs share comes from DVC's run-cache, and an experiment that this commit already has is not run again,
so that an interrupted series goes on where it stopped. `dvc exp show` lists the experiments, `dvc exp apply`
brings one back. Owns running them and reading their results; which there are stands in ablation.py.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.core import errors, paths

Run = Mapping[str, Any]  # one experiment: {"metrics": metrics.json, "intervals": intervals.json}


def run(wanted: Mapping[str, Sequence[str]]) -> dict[str, Run]:
    """Results of experiments (name → changes, such as "train.epochs=3"), run where there are none yet.

    Raises UserError when tracked files have changes, or a command fails.
    """
    if _run("git", "status", "--porcelain", "--untracked-files=no", capture=True):
        raise errors.UserError("tracked files have changes: commit them, an experiment belongs to a commit")
    there = _revisions()
    own = [word for folder in sorted(paths.OWN_SUBJECTS.glob("*/")) for word in ("--copy-paths", str(folder))]
    for name, changes in wanted.items():
        if name not in there:
            words = [word for change in changes for word in ("--set-param", change)]
            _dvc("exp", "run", "--temp", "--name", name, *own, *words)
    after = _revisions()
    return {name: _results(after[name]) for name in wanted}


def _revisions() -> dict[str, str]:
    """Commits of the experiments on this commit, by name."""
    shown = json.loads(_dvc("exp", "show", "--json", capture=True))
    experiments = [entry for baseline in shown for entry in baseline["experiments"] or []]
    return {revision["name"]: revision["rev"] for entry in experiments for revision in entry["revs"]}


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
