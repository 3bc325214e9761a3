"""python -m benchmarks.photographs FOLDER: the pipeline on real photographs, with the base for them.

FOLDER holds a folder of photos for each subject, and classes.csv (subject, class). A temporary copy of this
commit gets these subjects in the place of the world's, through `python -m commands.add`, and runs `dvc repro`
as `RUNS` says: with all methods; without photographs to take negatives from, as for a user who has none;
and with the base for drawings. Writes reports/photographs/{results.json, tables.md}, which hold numbers only,
and, for one's own eyes, index.html of the first run.
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
from typing import Any

from common.core import errors, images, io, params, paths
from tests.support.helpers import set_params

PETS = {"cat", "dog"}  # classes; all else is an object
TEST = "0.4"  # share of the photos, for there are five or six of each subject
OTHERS = Path("data/others")  # in the copy
FROM_OTHERS = {"index.source": "folder", "index.location": OTHERS.as_posix(), "index.serve": None}
RUNS = {  # title → changes of params.yaml
    "Base for photographs, negatives from the other subjects' train photos": {
        "base.preset": "photographs",
        "-methods.myvlm": None,  # it refuses this base, whose captions never say a name
        **FROM_OTHERS,
    },
    "Base for photographs, negatives from the drawn corpus": {"base.preset": "photographs", "methods": {}},
    "Base for drawings, negatives from the other subjects' train photos": {"methods": {}, **FROM_OTHERS},
}
# Questions about drawings say nothing here, so few are asked.
FEW_DRAWINGS = {"world.general_photos": 4, "evaluate.general_subjects": 1}
SHOWN = "recognition"  # what the table's measures begin with; there are no questions about these subjects
RESULTS = paths.REPORTS / "photographs"
JSON, TABLE, PAGE = (RESULTS / name for name in ("results.json", "tables.md", "index.html"))


def main(folder: str) -> str:
    """Run the pipeline on the photographs; write what the module says."""
    subjects = kinds(Path(folder))
    if _run("git", "status", "--porcelain", "--untracked-files=no"):
        raise errors.UserError("tracked files have changes: commit them, an experiment belongs to a commit")
    found: dict[str, Any] = {"commit": _run("git", "rev-parse", "--short", "HEAD").strip(), "runs": {}}
    cache = _dvc("cache", "dir").strip()
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "copy"
        _run("git", "clone", "--quiet", ".", str(copy))
        folder = str(Path(folder).resolve())
        with chdir(copy):
            _dvc("config", "--local", "cache.dir", cache)
            found["seed"] = params.load().seed
            found["photos"] = _bring(Path(folder), subjects)
            added, pages = paths.PARAMS.read_bytes(), []
            for title, changes in RUNS.items():
                paths.PARAMS.write_bytes(added)
                set_params(FEW_DRAWINGS | changes)
                _dvc("repro", watched=True)
                found["runs"][title] = _results()
                pages.append(paths.PAGE.read_bytes())
    io.write_json(JSON, found)
    io.write_bytes(TABLE, table(found).encode())
    io.write_bytes(PAGE, pages[0])
    return f"{len(subjects)} subjects, {TABLE} and {PAGE}"


def kinds(folder: Path) -> dict[str, str]:
    """Subject → kind, from the class that classes.csv names."""
    path = folder / "classes.csv"
    if not path.is_file():
        raise errors.UserError(f"{path} is missing: it names each subject's class (subject,class)")
    with path.open(encoding="utf-8") as file:
        return {row["subject"]: "pet" if row["class"] in PETS else "object" for row in csv.DictReader(file)}


def _bring(folder: Path, subjects: Mapping[str, str]) -> dict[str, dict[str, int]]:
    """Put the subjects in the place of the world's; how many photos of each there are."""
    world = list(params.load().subjects)
    for subject, kind in subjects.items():
        words = ("commands.add", subject.replace("_", "-"), str(folder / subject), "--kind", kind)
        _run(sys.executable, "-m", *words, "--test", TEST)
    set_params({f"-subjects.{name}": None for name in world})
    OTHERS.mkdir()
    counts = {}
    for name, subject in params.load().subjects.items():
        train = images.list_photos(paths.train_photos(name, subject.source))
        for photo in train:
            shutil.copy(photo, OTHERS / f"{name}-{photo.name}")
        counts[name] = {
            "train": len(train),
            "test": len(images.list_photos(paths.test_photos(name, subject.source))),
        }
    return counts


def _results() -> dict[str, Any]:
    return {
        "metrics": io.read_json(paths.METRICS),
        "estimates": io.read_json(paths.INTERVALS)["estimates"],
        "negatives": io.read_json(paths.NEGATIVES_CARD)["subjects"],
    }


def table(found: Mapping[str, Any]) -> str:
    """The estimates of every method as Markdown, a table for each run, and how many negatives it had."""
    photos = found["photos"].values()
    train, test = (sum(count[split] for count in photos) for split in ("train", "test"))
    lines = [
        "# Real photographs",
        "",
        f"{len(photos)} subjects, {train} photos to learn from and {test} to test with. No base has seen any",
        "of them in pretraining. In brackets 95 % intervals over subjects and their photos.",
        f"Seed {found['seed']}, commit `{found['commit']}`; made by `make photographs`.",
    ]
    for title, run in found["runs"].items():
        measures = [name for name in run["estimates"] if name.startswith(SHOWN)]
        measures = [name for name in measures if _value(run, name, "soft_prompt") is not None]
        methods = {method: None for name in measures for method in run["estimates"][name]}
        counts = run["negatives"].values()
        hard, easy = (sum(count[role]["found"] for count in counts) for role in ("hard", "easy"))
        lines += [
            "",
            f"## {title}",
            "",
            f"{hard:,} hard and {easy:,} easy negatives for all subjects together.",
            "",
            f"| method | {' | '.join(measures)} |",
            f"|---|{'---:|' * len(measures)}",
        ]
        lines += [
            f"| {method.replace('_', ' ')} | {' | '.join(_cell(run, name, method) for name in measures)} |"
            for method in methods
        ]
    return "\n".join(lines) + "\n"


def _value(run: Mapping[str, Any], measure: str, method: str) -> float | None:
    return run["estimates"][measure].get(method, {}).get("value")


def _cell(run: Mapping[str, Any], measure: str, method: str) -> str:
    if _value(run, measure, method) is None:
        return "n/a"
    estimate = run["estimates"][measure][method]
    return "{value:.3f} ({low:.3f} to {high:.3f})".format(**estimate)


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
