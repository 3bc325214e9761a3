"""One run of benchmarks.photographs, in a copy of this commit that has real subjects."""

import shutil
from collections.abc import Mapping
from contextlib import chdir
from pathlib import Path
from typing import Any

import psutil

from benchmarks.commands import dvc, run_command
from benchmarks.photographs_classes import same_class
from benchmarks.photographs_subjects import PETS, bring, subject_id
from common.core import errors, io, params, paths
from common.vlm.memory import host_available
from tests.support.helpers import set_params

# Questions about drawings say nothing here, so few are asked; one thread, for several run at once.
FOR_ALL = {"world.general_photos": 4, "evaluate.general_subjects": 1, "threads": 1}
MEMORY = 4_000_000_000  # bytes that a run may take
SMOLLM2 = (paths.SMOLLM2 / "llava").absolute()  # what git does not hold of a base


def runs_at_once() -> int:
    """Count the runs that cores and memory suffice for."""
    return max(1, min(psutil.cpu_count() or 1, host_available() // MEMORY))


def require_smollm2() -> None:
    """Raise UserError if the base with SmolLM2 is not there."""
    if not SMOLLM2.is_dir():
        raise errors.UserError(f"{SMOLLM2} is missing: make it first, `make smollm2`")


def prepare(copy: Path, seed: str, photos: Path, subjects: Mapping[str, str]) -> dict[str, Any]:
    """Make a copy of this commit with the subjects (folder of `photos` → class); count the photos of each."""
    cache = dvc("cache", "dir").strip()
    run_command("git", "clone", "--quiet", ".", str(copy))
    with chdir(copy):
        dvc("config", "--local", "cache.dir", cache)
        set_params({"seed": int(seed)})
        return bring(photos, subjects)


def run_in_copy(
    prepared: Path, changes: Mapping[str, Any], subjects: Mapping[str, str]
) -> tuple[dict[str, Any], bytes]:
    """Run the pipeline, with these changes of params.yaml, in a copy of what was prepared.

    Returns metrics, estimates and counts of negatives, and the page.
    """
    copy = Path(f"{prepared}-{io.sha256_bytes(repr(changes).encode())[:16]}")
    shutil.copytree(prepared, copy, symlinks=True)
    if SMOLLM2.is_dir():
        (copy / paths.SMOLLM2 / SMOLLM2.name).symlink_to(SMOLLM2)
    with chdir(copy):
        set_params({**FOR_ALL, **changes})
        dvc("repro", watched=True)
        results, page = _results(subjects), paths.PAGE.read_bytes()
    shutil.rmtree(copy)
    return results, page


def _results(subjects: Mapping[str, str]) -> dict[str, Any]:
    p = params.load()
    # the gate is about pets; toys of one class are nothing alike
    pets = {subject_id(subject): name for subject, name in subjects.items() if name in PETS}
    apart = same_class(pets, list(p.methods), p.seed, p.report.bootstrap)
    return {
        "metrics": io.read_json(paths.METRICS),
        "estimates": io.read_json(paths.INTERVALS)["estimates"] | apart,
        "negatives": io.read_json(paths.NEGATIVES_CARD)["subjects"],
    }
