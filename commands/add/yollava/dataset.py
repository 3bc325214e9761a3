"""The dataset as it is imported: reading all of it, then placing it in data/subjects and data/yollava."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from commands.add import pictures
from commands.add.yollava import negatives, photos, questions, report
from commands.add.yollava.findings import Findings, none_yet
from commands.add.yollava.subjects import KIND, subject_id
from common.core import io, paths
from common.core.errors import UserError
from common.testdata.ground_truth import Questions

FOLDER = paths.DATA / "yollava"  # beside data/subjects, where only photos of subjects belong
CORPUS = "negatives"
REPORT = "report.md"
LEAST = {"train": 2, "test": 1}  # check refuses fewer


@dataclass(frozen=True)
class DatasetSubject:
    """One subject, not yet copied."""

    name: str
    photos: photos.Photos
    questions: Questions
    negatives: negatives.Negatives

    @property
    def id(self) -> str:
        """Its id with us."""
        return subject_id(self.name)


@dataclass(frozen=True)
class Dataset:
    """All subjects that can be imported, and what is wrong."""

    subjects: list[DatasetSubject]
    found: Findings

    @property
    def kinds(self) -> Mapping[str, str]:
        """Id → kind."""
        return {subject.id: KIND[subject.name] for subject in self.subjects}

    def place(self) -> None:
        """Make all folders; none of them appears before every one is complete."""
        with ExitStack() as folders:
            ours = folders.enter_context(io.whole_folder(FOLDER))
            io.write_bytes(
                ours / REPORT, report.markdown(self.subjects, self.found, FOLDER / CORPUS).encode()
            )
            for subject in self.subjects:
                place = folders.enter_context(io.whole_folder(paths.photos_dir(subject.id, "own")))
                # the published bytes, so that anyone's hashes of them agree with ours
                _copy(subject.photos.train, place / "train")
                _copy(subject.photos.test, place / "test")
                if subject.negatives.files:
                    _copy(subject.negatives.files, ours / CORPUS / subject.id)
                io.write_json(place / "truth/questions.json", subject.questions.model_dump(exclude_none=True))

    def summary(self) -> str:
        """What was added."""
        train, test = (
            sum(len(getattr(s.photos, split)) for s in self.subjects) for split in ("train", "test")
        )
        return f"{len(self.subjects)} subjects of Yo'LLaVA, {train} train and {test} test photos"

    def say_next(self) -> str:
        """What was imported, how much is wrong, where the report is, and what to do now."""
        counts = [f"{cause}: {len(cases)}" for cause, cases in report.in_order(self.found)]
        after = f"Next: read {FOLDER / REPORT}, then run `make repro`"
        return "\n".join([report.table(self.subjects), "", *counts, after])


def read(folder: Path, negatives_each: int | None = None) -> Dataset:
    """Read and judge the whole dataset in `folder`, with so many hard negatives per subject, or all.

    Raises UserError when it is not there or was imported.
    """
    root = _root(folder)
    names = sorted({path.name for split in ("train", "test") for path in _folders(root / split)})
    if again := [subject_id(name) for name in names if paths.photos_dir(subject_id(name), "own").exists()]:
        raise UserError(
            f"{paths.OWN_SUBJECTS} holds {', '.join(again)} already: remove these folders, and their lines "
            f"in {paths.PARAMS}, to import the dataset again"
        )
    found = none_yet()
    visual, text = questions.load(root, found)
    others = {photo.pixels: photo for photo in pictures.of_other_subjects()}
    subjects = []
    for name in names:
        if name not in KIND:
            found["Subjects left out"].append(f"{name} is none of the forty, so that nobody knows its kind")
            continue
        asked = {Path(path).name for path in visual.get(name, {})}
        own = photos.without_others(photos.read(root, name, asked, found), others, found)
        if short := [split for split, least in LEAST.items() if len(getattr(own, split)) < least]:
            found["Subjects left out"].append(f"{name} has too few photos in {' and '.join(short)}")
            continue
        tested = {photo.path.name for photo in own.test}
        about = Questions(
            visual=questions.visual(name, visual.get(name, {}), tested, found),
            text=questions.text(name, text.get(name, {}), found),
        )
        hard = negatives.read(root, name, own.all(), found, negatives_each)
        subjects.append(DatasetSubject(name, own, about, hard))
    if not subjects:
        raise UserError(
            f"{root} holds no subject that can be imported ({'; '.join(found['Subjects left out'])})"
        )
    _note_missing(subjects, visual, text, found)
    return Dataset(subjects, found)


def _root(folder: Path) -> Path:
    """The folder with train/ and test/: the one named, or yollava-data in it."""
    for root in (folder, folder / "yollava-data"):
        if (root / "train").is_dir() and (root / "test").is_dir():
            return root
    raise UserError(
        f"{folder} holds no train/ and test/: name the folder yollava-data of the published dataset"
    )


def _folders(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _note_missing(
    subjects: list[DatasetSubject],
    visual: questions.QuestionRows,
    text: questions.QuestionRows,
    found: Findings,
) -> None:
    """Subjects without questions, and questions without their subject."""
    for subject in subjects:
        if not subject.questions.visual:
            found["Missing questions"].append(f"{subject.name} has no question about its photos")
        if not subject.questions.text:
            found["Missing questions"].append(f"{subject.name} has no question in text")
    imported = {subject.name for subject in subjects}
    for name in sorted({*visual, *text} - imported):
        found["Questions without their photo or subject"].append(
            f"{name}: all its questions, for it is not imported"
        )


def _copy(files: list[pictures.AddedPhoto], folder: Path) -> None:
    folder.mkdir(parents=True)
    for photo in files:
        shutil.copyfile(photo.path, folder / photo.path.name)
