"""python -m benchmarks.photographs FOLDER SEED …: the pipeline on real photographs, with the base for them.

FOLDER holds a folder of photos for each subject, and classes.csv (subject, class); what is asked without a
photo stands in photographs_questions.yaml. For each seed, which decides what is learned from and what tested
with, a temporary copy of this commit gets these subjects in the place of the world's, through `python -m
commands.add`, and runs `dvc repro` as `RUNS` says: with the methods that cost little; with SmolLM2, which
`make smollm2` makes first; with LoRA and MyVLM; without photographs to take negatives from, as for a user who
has none; and with the base for drawings. Writes reports/photographs/{results.json, tables.md}, which hold
numbers only, and, for one's own eyes, index.html of the first run. A run that results.json already has, with
the same changes of params.yaml and the same base, is not run again: all take hours, and each names its
commit. Delete the file to measure this one anew.
"""

import shutil
import tempfile
from collections.abc import Mapping
from contextlib import chdir
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.commands import dvc, run_command
from benchmarks.photographs_classes import same_class
from benchmarks.photographs_subjects import OTHERS, PETS, bring, classes, subject_id
from benchmarks.photographs_table import table
from common.core import errors, io, params, paths
from tests.support.helpers import set_params

FROM_OTHERS = {
    "index.source": "folder",
    "index.location": OTHERS.as_posix(),
    "index.serve": None,
    "retrieve.hard": 12,  # of about 36, a third, or all would be hard ones and none easy
}
REAL = {"base.preset": "photographs", **FROM_OTHERS}
BASES = {  # preset → what is committed of its weights
    "photographs": paths.PHOTOGRAPHS / "llava",
    "photographs-smollm2": paths.SMOLLM2 / "changes.safetensors",
}
NO_MYVLM = {"-methods.myvlm": None}  # it takes minutes a subject


class Run(NamedTuple):
    """Changes of params.yaml; for every seed or the first alone."""

    changes: Mapping[str, Any]
    every_seed: bool = False

    def definition(self) -> dict[str, Any]:
        """What makes a result one of this run: its changes, and the base as git names its weights."""
        base = BASES.get(self.changes.get("base.preset"), paths.BASE / "llava")
        return {"changes": self.changes, "base": run_command("git", "rev-parse", f"HEAD:{base}").strip()}


LADDER = ("recognition questions and easy negatives alone", "no hard negatives", "no latent tokens")
LESS = {  # what the soft prompt does without → changes of params.yaml; Table 7 of the paper, and its Figure 5
    LADDER[0]: {"train.data.conversations": False, "train.data.hard": False},
    LADDER[1]: {"train.data.hard": False},
    LADDER[2]: {"train.latent_tokens": 0},
    "1 latent token": {"train.latent_tokens": 1},
    "4 latent tokens": {"train.latent_tokens": 4},
    "1 photo": {"train_photos": 1},
    "2 photos": {"train_photos": 2},
}


def title_with(less: str) -> str:
    """The title of the run with one of LESS."""
    return f"Base for photographs, the soft prompt with less: {less}"


USUAL = "Base for photographs, negatives from the other subjects' train photos"
WITH_SMOLLM2 = "Base for photographs with SmolLM2, negatives from the other subjects' train photos"
LORA = "The same: LoRA and MyVLM"
DRAWN_NEGATIVES = "Base for photographs, negatives from the drawn corpus"
OF_DRAWINGS = "Base for drawings, negatives from the other subjects' train photos"
RUNS = {
    USUAL: Run({**REAL, **NO_MYVLM, "-methods.lora": None}, every_seed=True),
    WITH_SMOLLM2: Run(
        {**REAL, "base.preset": "photographs-smollm2", "base.vlm.dtype": "bfloat16", "methods": {}}
    ),
    **{
        title_with(less): Run({**REAL, "methods": {}, **changes}, every_seed=less in LADDER)
        for less, changes in LESS.items()
    },
    DRAWN_NEGATIVES: Run({"base.preset": "photographs", "methods": {}}),
    OF_DRAWINGS: Run({"methods": {}, **FROM_OTHERS}),
    LORA: Run({**REAL, "-methods.training_free": None, "-methods.reference_photo": None}),
}
# Questions about drawings say nothing here, so few are asked.
FEW_DRAWINGS = {"world.general_photos": 4, "evaluate.general_subjects": 1}
RESULTS = paths.REPORTS / "photographs"
JSON, TABLE, PAGE = (RESULTS / name for name in ("results.json", "tables.md", "index.html"))


def main(folder: str, *seeds: str) -> str:
    """Run the pipeline on the photographs; write what the module says."""
    subjects = classes(Path(folder))
    if not seeds or not all(seed.isdecimal() for seed in seeds):
        raise errors.UserError("name the seeds after the folder, as in: benchmarks.photographs FOLDER 0 1 2")
    if run_command("git", "status", "--porcelain", "--untracked-files=no"):
        raise errors.UserError("tracked files have changes: commit them, an experiment belongs to a commit")
    commit = run_command("git", "rev-parse", "--short", "HEAD").strip()
    counts = {}
    photos, cache = Path(folder).resolve(), dvc("cache", "dir").strip()
    with tempfile.TemporaryDirectory() as place:
        copies = {seed: Path(place) / seed for seed in seeds}
        for seed, copy in copies.items():
            run_command("git", "clone", "--quiet", ".", str(copy))
            with chdir(copy):
                dvc("config", "--local", "cache.dir", cache)
                set_params({"seed": int(seed)})
                counts[seed] = bring(photos, subjects)
        computed = _computed(counts)
        wanted = {title: seeds if run.every_seed else seeds[:1] for title, run in RUNS.items()}
        for seed in wanted[WITH_SMOLLM2]:
            if seed not in computed["runs"].get(WITH_SMOLLM2, {}):
                _bring_smollm2(copies[seed])
        added = {seed: (copy / paths.PARAMS).read_bytes() for seed, copy in copies.items()}
        for title, run in RUNS.items():
            for seed in wanted[title]:
                if seed in computed["runs"].get(title, {}):
                    continue
                with chdir(copies[seed]):
                    paths.PARAMS.write_bytes(added[seed])
                    for made in (paths.FITTED, paths.PREDICTIONS):  # of methods that another run had
                        shutil.rmtree(made, ignore_errors=True)
                    set_params({**FEW_DRAWINGS, **run.changes})
                    dvc("repro", watched=True)
                    results = {"commit": commit, **run.definition(), **_results(subjects)}
                    computed["runs"].setdefault(title, {})[seed] = results
                    page = paths.PAGE.read_bytes()
                io.write_json(JSON, computed)  # after each, for it may be hours until the next
                io.write_bytes(TABLE, table(computed, wanted).encode())
                if title == USUAL and seed == seeds[0]:
                    io.write_bytes(PAGE, page)
        io.write_bytes(TABLE, table(computed, wanted).encode())
    return f"{len(subjects)} subjects, {TABLE} and {PAGE}"


def _bring_smollm2(copy: Path) -> None:
    """Put the base that git does not hold into a copy of the repository."""
    made = paths.SMOLLM2 / "llava"
    if not made.is_dir():
        raise errors.UserError(f"{made} is missing: make it first, `make smollm2`")
    shutil.copytree(made, copy / made)


def _computed(counts: Mapping[str, Any]) -> dict[str, Any]:
    """Photos and runs as results.json has them, without runs that `RUNS` now defines otherwise.

    None where it is about other photos than `counts`, by seed and subject, says.
    """
    there = io.read_json(JSON) if JSON.exists() else {"photos": {}, "runs": {}}
    if any(there["photos"].get(seed, counted) != counted for seed, counted in counts.items()):
        there = {"photos": {}, "runs": {}}
    runs = {}
    for title, run in RUNS.items():
        defined = run.definition().items()
        kept = {seed: of for seed, of in there["runs"].get(title, {}).items() if of.items() >= defined}
        runs |= {title: kept} if kept else {}
    return {"photos": {**there["photos"], **counts}, "runs": runs}


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


if __name__ == "__main__":
    errors.run(main)
