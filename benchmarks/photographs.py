"""python -m benchmarks.photographs FOLDER SEED …: the pipeline on real photographs, with the base for them.

FOLDER holds a folder of photos for each subject, and classes.csv (subject, class); what is asked without a
photo stands in photographs_questions.yaml. For each seed, which decides what is learned from and what tested
with, a temporary copy of this commit gets these subjects in the place of the world's, through `python -m
commands.add`, and runs `dvc repro` as `RUNS` says: with the methods that cost little; told each subject's
class; with SmolLM2, which `make smollm2` makes first; with LoRA and MyVLM; without photographs to take
negatives from, as for a user who has none; and with the base for drawings. As many runs as there are cores go
on at once, of one thread each, which is quicker than one after another with all cores. Writes
reports/photographs/{results.json, tables.md}, which hold numbers only, and, for one's own eyes, index.html of
the first run. A run that results.json already has, with the same changes of params.yaml and the same base, is
not run again: all take hours, and each names its commit. Delete the file to measure this one anew.
"""

import tempfile
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.commands import run_command
from benchmarks.photographs_run import prepare, require_smollm2, run_in_copy, runs_at_once
from benchmarks.photographs_subjects import OTHERS, classes, subject_id
from benchmarks.photographs_table import table
from common.core import errors, io, paths

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
    """Changes of params.yaml; for every seed or the first alone; is each subject's class its `noun`?"""

    changes: Mapping[str, Any]
    every_seed: bool = False
    nouns: bool = False

    def definition(self) -> dict[str, Any]:
        """What makes a result one of this run: its changes, and the base as git names its weights."""
        base = BASES.get(self.changes.get("base.preset"), paths.BASE / "llava")
        weights = run_command("git", "rev-parse", f"HEAD:{base}").strip()
        return {"changes": self.changes, "base": weights} | ({"nouns": True} if self.nouns else {})

    def changes_with(self, subjects: Mapping[str, str]) -> dict[str, Any]:
        """Return all changes of params.yaml, for these subjects (folder → class)."""
        nouns = {f"subjects.{subject_id(name)}.noun": noun for name, noun in subjects.items() if self.nouns}
        return {**self.changes, **nouns}


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
NOUNS = "Base for photographs, told what each subject is"
WITH_SMOLLM2 = "Base for photographs with SmolLM2, negatives from the other subjects' train photos"
LORA = "Base for photographs: LoRA and MyVLM"
DRAWN_NEGATIVES = "Base for photographs, negatives from the drawn corpus"
OF_DRAWINGS = "Base for drawings, negatives from the other subjects' train photos"
RUNS = {
    USUAL: Run({**REAL, **NO_MYVLM, "-methods.lora": None}, every_seed=True),
    NOUNS: Run({**REAL, "methods": {}}, every_seed=True, nouns=True),
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
    wanted = {title: seeds if run.every_seed else seeds[:1] for title, run in RUNS.items()}
    with tempfile.TemporaryDirectory() as place:
        copies = {seed: Path(place) / seed for seed in seeds}
        photos = Path(folder).resolve()
        computed = _computed({seed: prepare(copy, seed, photos, subjects) for seed, copy in copies.items()})
        due = [
            (title, seed)
            for title, of_title in wanted.items()
            for seed in of_title
            if seed not in computed["runs"].get(title, {})
        ]
        if any(title == WITH_SMOLLM2 for title, _ in due):
            require_smollm2()
        with ProcessPoolExecutor(runs_at_once(), get_context("spawn")) as pool:
            changes = {title: RUNS[title].changes_with(subjects) for title, _ in due}
            runs = {
                pool.submit(run_in_copy, copies[seed], changes[title], subjects): (title, seed)
                for title, seed in due
            }
            try:
                for run in as_completed(runs):
                    title, seed = runs[run]
                    measured, page = run.result()
                    results = {"commit": commit, **RUNS[title].definition(), **measured}
                    computed["runs"].setdefault(title, {})[seed] = results
                    io.write_json(JSON, computed)  # after each, for it may be hours until the next
                    io.write_bytes(TABLE, table(computed, wanted).encode())
                    if title == USUAL and seed == seeds[0]:
                        io.write_bytes(PAGE, page)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    io.write_bytes(TABLE, table(computed, wanted).encode())
    return f"{len(subjects)} subjects, {TABLE} and {PAGE}"


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


if __name__ == "__main__":
    errors.run(main)
