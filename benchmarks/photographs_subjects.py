"""Brings real subjects into a copy of the repository, in the place of the world's."""

import csv
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from ruamel.yaml import YAML

from benchmarks.commands import run_command
from common.core import errors, images, io, params, paths
from tests.support.helpers import set_params

PETS = {"cat", "dog"}  # classes; all else is an object
TEST = "0.4"  # share of the photos, for there are five or six of each subject
OTHERS = Path("data/others")  # all subjects' train photos, of which negatives are taken
QUESTIONS = Path(__file__).with_name("photographs_questions.yaml")


def classes(folder: Path) -> dict[str, str]:
    """Subject → class, as classes.csv has it."""
    path = folder / "classes.csv"
    if not path.is_file():
        raise errors.UserError(f"{path} is missing: it names each subject's class (subject,class)")
    with path.open(encoding="utf-8") as file:
        return {row["subject"]: row["class"] for row in csv.DictReader(file)}


def bring(folder: Path, subjects: Mapping[str, str]) -> dict[str, dict[str, int]]:
    """Put the subjects in the place of the world's; how many photos of each there are."""
    world = list(params.load().subjects)
    for subject, of_class in subjects.items():
        kind = "pet" if of_class in PETS else "object"
        words = ("commands.add", subject_id(subject), str(folder / subject), "--kind", kind)
        run_command(sys.executable, "-m", *words, "--test", TEST)
    set_params({f"-subjects.{name}": None for name in world})
    OTHERS.mkdir()
    counts = {}
    for name, subject in params.load().subjects.items():
        train = images.list_photos(paths.train_photos(name, subject.source))
        for photo in train:
            shutil.copy(photo, OTHERS / f"{name}-{photo.name}")
        write_questions(name)
        counts[name] = {
            "train": len(train),
            "test": len(images.list_photos(paths.test_photos(name, subject.source))),
        }
    return counts


def write_questions(subject: str) -> None:
    """The questions about a subject without a photo, if there are any, in both orders."""
    asked = YAML(typ="safe").load(QUESTIONS.read_text(encoding="utf-8")).get(subject)
    if asked:
        both = [
            {"question": question.format(name=f"<{subject}>"), "options": list(options), "answer": answer}
            for question, right, wrong in asked
            for answer, options in enumerate(((right, wrong), (wrong, right)))
        ]
        io.write_json(paths.truth_dir(subject, "own") / "questions.json", {"text": both})


def subject_id(subject: str) -> str:
    return subject.replace("_", "-")
