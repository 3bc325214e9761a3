"""Are the user's photos and questions fit to learn from and to test with?

They lie in data/subjects/<id>/{train,test,truth}.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from common.core import facts, images, io, myvlm_json, paths, progress
from common.core.errors import UserError, shown
from common.testdata import ground_truth, own_questions

LEAST = {"train": 1, "test": 1}
RECOMMENDED_TRAIN = 5
TEMPORARY = ".dvc/tmp/exps"  # folders in here are DVC's workspaces for one experiment
TRUTH = (
    "questions.json",
    myvlm_json.CAPTIONS,
    *(f"lookalikes/{name}" for name in ground_truth.LOOKALIKES.values()),
)


@dataclass
class PhotoFindings:
    """What was found in the folders: `problems` stop the run, `warnings` do not."""

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)  # of the readable photos: width and height


@dataclass(frozen=True)
class CheckedPhoto:
    """A readable photo and the two hashes under which its copies are found."""

    subject: str
    split: str  # train, test, or a group of look-alikes
    path: Path
    hashes: tuple[str, str]  # of the file, of the pixels
    size: tuple[int, int]  # width and height


def inspect(subjects: Sequence[str]) -> PhotoFindings:
    """Read every own photo of these subjects, and their questions."""
    findings = PhotoFindings()
    photos: list[CheckedPhoto] = []
    copies: list[str] = []
    if subjects and any(parent.match(TEMPORARY) for parent in Path.cwd().parents):
        raise UserError(
            "an experiment in a temporary workspace (--temp, --queue) has no photos of yours, for neither "
            "Git nor DVC takes them there: run it without, or without your own subjects"
        )
    findings.problems += _links(subjects)
    for subject in subjects:
        folders = {"train": paths.train_photos(subject, "own"), "test": paths.test_photos(subject, "own")}
        own = [photo for split in folders for photo in _readable(subject, split, folders[split], findings)]
        alike = ground_truth.lookalike_folders(subject, "own")
        others = [photo for group in alike for photo in _readable(subject, group, alike[group], findings)]
        photos += own
        copies += _copies(own + others)  # two subjects may well have the same look-alike
        findings.sizes += [photo.size for photo in own + others]
        findings.warnings += _unused(subject)
        for read in (_questions, _captions, _own_questions, _description, _facts):
            try:
                read(subject)
            except UserError as error:
                findings.problems.append(str(error))
    findings.problems += [*copies, *_copies(photos)]
    findings.warnings += _unlisted(subjects)
    findings.problems = list(dict.fromkeys(findings.problems))  # copies within a subject are there twice
    return findings


def _links(subjects: Sequence[str]) -> Iterator[str]:
    """A sentence for each link to a folder: DVC hashes none of its files, so that no change would count."""
    roots = [paths.photos_dir(subject, "own") for subject in subjects]
    for path in (paths.OWN_SUBJECTS, *roots, *(path for root in roots for path in sorted(root.rglob("*")))):
        if path.is_symlink() and path.is_dir():
            yield f"{path} is a link to a folder, and changes in it would go unnoticed: put the folder there"


def _questions(subject: str) -> None:
    ground_truth.load_questions(subject, "own")


def _captions(subject: str) -> None:
    ground_truth.load_captions(subject, "own")


def _own_questions(subject: str) -> None:
    own_questions.load_own_questions(subject, "own")


def _description(subject: str) -> None:
    facts.read_description(paths.description(subject, "own"), subject)


def _facts(subject: str) -> None:
    path = paths.facts(subject, "own")
    photos = {photo.name for photo in images.list_photos(paths.train_photos(subject, "own"))}
    unknown = [name for name in facts.read(path, subject).captions if name not in photos]
    if unknown:
        raise UserError(f"{path} has a caption for {shown(unknown[0])}, which is no train photo: mend it")


def _readable(subject: str, split: str, folder: Path, findings: PhotoFindings) -> Iterator[CheckedPhoto]:
    """Yield the photos of one folder; note what is unreadable, missing or out of place."""
    try:
        files = images.list_photos(folder)
    except UserError as error:
        findings.problems.append(str(error))
        return
    findings.problems += [
        f"{path} is a folder: move its photos up into {folder}"
        for path in sorted(folder.iterdir())
        if path.is_dir() and not images.is_leftover(path.name)
    ]
    for path in progress.bar(files, f"check {subject}/{split}"):
        try:
            os.fsencode(path.name).decode()
            image = images.load_image(path)
        except UnicodeDecodeError:
            findings.problems.append(
                f"{shown(path)}: the name is not UTF-8, which tables cannot hold: rename it"
            )
        except UserError as error:
            findings.problems.append(str(error))
        else:
            hashes = (io.sha256_file(path), images.pixel_sha256(image))
            yield CheckedPhoto(subject, split, path, hashes, image.size)
    if len(files) < LEAST.get(split, 0):
        findings.problems.append(f"{folder} holds {_photos(len(files))}: put at least {LEAST[split]} there")
    elif split == "train" and len(files) < RECOMMENDED_TRAIN:
        findings.warnings.append(
            f"{folder} holds {_photos(len(files))}: {RECOMMENDED_TRAIN} or more work better"
        )


def _copies(photos: Iterable[CheckedPhoto]) -> Iterator[str]:
    """A sentence for each photo that is the same file or the same picture as an earlier one."""
    seen: dict[str, CheckedPhoto] = {}
    for photo in photos:
        first = next((seen[key] for key in photo.hashes if key in seen), None)
        for key in photo.hashes:
            seen.setdefault(key, photo)
        if first is None:
            continue
        if first.subject != photo.subject:
            why = f"but belong to two subjects, {first.subject} and {photo.subject}: keep it in one"
        elif photo.split in ground_truth.LOOKALIKES and first.split != photo.split:
            why = "but a look-alike is somebody else, of one group: keep it in one of the folders"
        elif first.split != photo.split:
            why = "so the test would ask what training has shown: keep it in one of the two folders"
        else:
            why = "which counts once: remove one"
        yield f"{first.path} and {photo.path} are the same picture, {why}"


def _unused(subject: str) -> Iterator[str]:
    """A sentence for each entry of the truth folder that no stage reads, as after a typing mistake."""
    folder = paths.truth_dir(subject, "own")
    for path in sorted([*folder.glob("*"), *folder.glob("lookalikes/*")]):
        name = path.relative_to(folder).as_posix()
        if name not in (*TRUTH, "lookalikes") and not images.is_leftover(path.name):
            yield f"{path} is not used: {folder} may hold {', '.join(TRUTH)}"


def _unlisted(subjects: Iterable[str]) -> Iterator[str]:
    """A sentence for each folder of photos that no line in params.yaml uses."""
    listed = set(subjects)
    for folder in sorted(paths.OWN_SUBJECTS.glob("*/")):
        if folder.name not in listed:
            line = f"{folder.name}: {{kind: …}}"
            yield f"{folder} is not used: add `{line}` to subjects in {paths.PARAMS}, or remove the folder"


def _photos(number: int) -> str:
    return "1 photo" if number == 1 else f"{number or 'no'} photos"
