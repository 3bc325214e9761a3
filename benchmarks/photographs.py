"""python -m benchmarks.photographs FOLDER SEED …: the pipeline on real photographs, with the base for them.

FOLDER holds a folder of photos for each subject, and classes.csv (subject, class); what is asked without a
photo stands in photographs_questions.yaml. For each seed, which decides what is learned from and what tested
with, a temporary copy of this commit gets these subjects in the place of the world's, through `python -m
commands.add`, and runs `dvc repro` as `RUNS` says: with the methods that cost little; with LoRA; without
photographs to take negatives from, as for a user who has none; and with the base for drawings. Writes
reports/photographs/{results.json, tables.md}, which hold numbers only, and, for one's own eyes, index.html of
the first run. A run that results.json already has, with the same changes of params.yaml, is not run again:
all of them take hours, and each names the commit it is of. Delete the file to measure this commit anew.
"""

import csv
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import chdir
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML

from benchmarks.photographs_classes import same_class
from benchmarks.photographs_table import table
from common.core import errors, images, io, params, paths
from tests.support.helpers import set_params

PETS = {"cat", "dog"}  # classes; all else is an object
TEST = "0.4"  # share of the photos, for there are five or six of each subject
OTHERS = Path("data/others")  # in the copy
FROM_OTHERS = {
    "index.source": "folder",
    "index.location": OTHERS.as_posix(),
    "index.serve": None,
    "retrieve.hard": 12,  # of about 36, a third, or all would be hard ones and none easy
}
REAL = {"base.preset": "photographs", **FROM_OTHERS}
NO_MYVLM = {"-methods.myvlm": None}  # it refuses this base, whose captions never say a name


class Run(NamedTuple):
    """Changes of params.yaml; for every seed or the first alone."""

    changes: Mapping[str, Any]
    every_seed: bool = False


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
LORA = "The same: LoRA"
OF_DRAWINGS = "Base for drawings, negatives from the other subjects' train photos"
RUNS = {
    USUAL: Run({**REAL, **NO_MYVLM, "-methods.lora": None}, every_seed=True),
    **{
        title_with(less): Run({**REAL, "methods": {}, **changes}, every_seed=less in LADDER)
        for less, changes in LESS.items()
    },
    "Base for photographs, negatives from the drawn corpus": Run(
        {"base.preset": "photographs", "methods": {}}
    ),
    OF_DRAWINGS: Run({"methods": {}, **FROM_OTHERS}),
    LORA: Run({**REAL, **NO_MYVLM, "-methods.training_free": None, "-methods.reference_photo": None}),
}
QUESTIONS = Path(__file__).with_name("photographs_questions.yaml")
# Questions about drawings say nothing here, so few are asked.
FEW_DRAWINGS = {"world.general_photos": 4, "evaluate.general_subjects": 1}
RESULTS = paths.REPORTS / "photographs"
JSON, TABLE, PAGE = (RESULTS / name for name in ("results.json", "tables.md", "index.html"))


def main(folder: str, *seeds: str) -> str:
    """Run the pipeline on the photographs; write what the module says."""
    subjects = classes(Path(folder))
    if not seeds or not all(seed.isdecimal() for seed in seeds):
        raise errors.UserError("name the seeds after the folder, as in: benchmarks.photographs FOLDER 0 1 2")
    if _run("git", "status", "--porcelain", "--untracked-files=no"):
        raise errors.UserError("tracked files have changes: commit them, an experiment belongs to a commit")
    commit = _run("git", "rev-parse", "--short", "HEAD").strip()
    counts = {}
    photos, cache = Path(folder).resolve(), _dvc("cache", "dir").strip()
    with tempfile.TemporaryDirectory() as place:
        copies = {seed: Path(place) / seed for seed in seeds}
        for seed, copy in copies.items():
            _run("git", "clone", "--quiet", ".", str(copy))
            with chdir(copy):
                _dvc("config", "--local", "cache.dir", cache)
                set_params({"seed": int(seed)})
                counts[seed] = _bring(photos, subjects)
        found = _computed(counts)
        wanted = {title: seeds if run.every_seed else seeds[:1] for title, run in RUNS.items()}
        added = {seed: (copy / paths.PARAMS).read_bytes() for seed, copy in copies.items()}
        for title, run in RUNS.items():
            for seed in wanted[title]:
                if seed in found["runs"].get(title, {}):
                    continue
                with chdir(copies[seed]):
                    paths.PARAMS.write_bytes(added[seed])
                    for made in (paths.FITTED, paths.PREDICTIONS):  # of methods that another run had
                        shutil.rmtree(made, ignore_errors=True)
                    set_params({**FEW_DRAWINGS, **run.changes})
                    _dvc("repro", watched=True)
                    results = {"commit": commit, "changes": run.changes, **_results(subjects)}
                    found["runs"].setdefault(title, {})[seed] = results
                    page = paths.PAGE.read_bytes()
                io.write_json(JSON, found)  # after each, for it may be hours until the next
                io.write_bytes(TABLE, table(found, wanted).encode())
                if title == USUAL and seed == seeds[0]:
                    io.write_bytes(PAGE, page)
        io.write_bytes(TABLE, table(found, wanted).encode())
    return f"{len(subjects)} subjects, {TABLE} and {PAGE}"


def classes(folder: Path) -> dict[str, str]:
    """Subject → class, as classes.csv has it."""
    path = folder / "classes.csv"
    if not path.is_file():
        raise errors.UserError(f"{path} is missing: it names each subject's class (subject,class)")
    with path.open(encoding="utf-8") as file:
        return {row["subject"]: row["class"] for row in csv.DictReader(file)}


def _computed(counts: Mapping[str, Any]) -> dict[str, Any]:
    """Photos and runs as results.json has them, without runs that `RUNS` now defines otherwise.

    None where it is about other photos than `counts`, by seed and subject, says.
    """
    there = io.read_json(JSON) if JSON.exists() else {"photos": {}, "runs": {}}
    if any(there["photos"].get(seed, counted) != counted for seed, counted in counts.items()):
        there = {"photos": {}, "runs": {}}
    runs = {
        title: {seed: of for seed, of in there["runs"].get(title, {}).items() if of["changes"] == run.changes}
        for title, run in RUNS.items()
    }
    return {
        "photos": {**there["photos"], **counts},
        "runs": {title: run for title, run in runs.items() if run},
    }


def _bring(folder: Path, subjects: Mapping[str, str]) -> dict[str, dict[str, int]]:
    """Put the subjects in the place of the world's; how many photos of each there are."""
    world = list(params.load().subjects)
    for subject, of_class in subjects.items():
        kind = "pet" if of_class in PETS else "object"
        words = ("commands.add", _id(subject), str(folder / subject), "--kind", kind)
        _run(sys.executable, "-m", *words, "--test", TEST)
    set_params({f"-subjects.{name}": None for name in world})
    OTHERS.mkdir()
    counts = {}
    for name, subject in params.load().subjects.items():
        train = images.list_photos(paths.train_photos(name, subject.source))
        for photo in train:
            shutil.copy(photo, OTHERS / f"{name}-{photo.name}")
        _write_questions(name)
        counts[name] = {
            "train": len(train),
            "test": len(images.list_photos(paths.test_photos(name, subject.source))),
        }
    return counts


def _write_questions(subject: str) -> None:
    """The questions about a subject without a photo, if there are any, in both orders."""
    asked = YAML(typ="safe").load(QUESTIONS.read_text(encoding="utf-8")).get(subject)
    if asked:
        both = [
            {"question": question.format(name=f"<{subject}>"), "options": list(options), "answer": answer}
            for question, right, wrong in asked
            for answer, options in enumerate(((right, wrong), (wrong, right)))
        ]
        io.write_json(paths.truth_dir(subject, "own") / "questions.json", {"text": both})


def _id(subject: str) -> str:
    return subject.replace("_", "-")


def _results(subjects: Mapping[str, str]) -> dict[str, Any]:
    p = params.load()
    # the gate is about pets; toys of one class are nothing alike
    pets = {_id(subject): name for subject, name in subjects.items() if name in PETS}
    apart = same_class(pets, list(p.methods), p.seed, p.report.bootstrap)
    return {
        "metrics": io.read_json(paths.METRICS),
        "estimates": io.read_json(paths.INTERVALS)["estimates"] | apart,
        "negatives": io.read_json(paths.NEGATIVES_CARD)["subjects"],
    }


def _dvc(*words: str, watched: bool = False) -> str:
    return _run(str(Path(sys.executable).with_name("dvc")), *words, watched=watched)


def _run(*words: str, watched: bool = False) -> str:
    """Run a command with our Python first; what it printed, or, where watched, nothing."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    done = subprocess.run(
        words, text=True, stdout=None if watched else subprocess.PIPE, env=os.environ | {"PATH": path}
    )
    if done.returncode:
        command = " ".join((Path(words[0]).name, *words[1:4]))
        raise errors.UserError(f"`{command}` failed, see above: mend it and run this again")
    return done.stdout or ""


if __name__ == "__main__":
    errors.run(main)
