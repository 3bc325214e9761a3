"""Are the user's photos fit to learn from and to test with?

Owns what is required of data/subjects/<id>/{train,test}. Decoding, and the sentence about a file that cannot
be decoded, belong to `core.images`; questions and siblings in `truth/` to evaluate.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stages.core import images, io, paths, progress
from stages.core.errors import UserError

LEAST = {"train": 2, "test": 1}
RECOMMENDED_TRAIN = 5


@dataclass
class Findings:
    """What was found in the folders: `problems` stop the run, `warnings` do not."""

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    photos: int = 0


@dataclass(frozen=True)
class Photo:
    """A readable photo and the two hashes under which its copies are found."""

    subject: str
    split: str
    path: Path
    hashes: tuple[str, str]  # of the file, of the pixels


def inspect(subjects: Sequence[str]) -> Findings:
    """Read every own photo of these subjects."""
    found = Findings()
    photos: list[Photo] = []
    for subject in subjects:
        for split in ("train", "test"):
            photos += _readable_photos(subject, split, found)
    found.problems += _copies(photos)
    found.warnings += _unlisted(subjects)
    found.photos = len(photos)
    return found


def _readable_photos(subject: str, split: str, found: Findings) -> Iterator[Photo]:
    """Yield the photos of one folder; note what is unreadable, missing or out of place."""
    folder = (paths.train_photos if split == "train" else paths.test_photos)(subject, "own")
    try:
        files = images.list_photos(folder)
    except UserError as error:
        found.problems.append(str(error))
        return
    found.problems += [
        f"{path} is a folder: move its photos up into {folder}"
        for path in sorted(folder.iterdir())
        if path.is_dir() and not path.name.startswith(".")
    ]
    for path in progress.bar(files, f"check {subject}/{split}"):
        try:
            pixels = images.pixel_sha256(images.load_image(path))
        except UserError as error:
            found.problems.append(str(error))
        else:
            yield Photo(subject, split, path, (io.sha256_file(path), pixels))
    if len(files) < LEAST[split]:
        found.problems.append(f"{folder} holds {_photos(len(files))}: put at least {LEAST[split]} there")
    elif split == "train" and len(files) < RECOMMENDED_TRAIN:
        found.warnings.append(
            f"{folder} holds {_photos(len(files))}: {RECOMMENDED_TRAIN} or more work better"
        )


def _copies(photos: Iterable[Photo]) -> Iterator[str]:
    """A sentence for each photo that is the same file or the same picture as an earlier one."""
    seen: dict[str, Photo] = {}
    for photo in photos:
        first = next((seen[key] for key in photo.hashes if key in seen), None)
        for key in photo.hashes:
            seen.setdefault(key, photo)
        if first is None:
            continue
        if first.subject != photo.subject:
            why = f"but belong to two subjects, {first.subject} and {photo.subject}: keep it in one"
        elif first.split != photo.split:
            why = "so the test would ask what training has shown: keep it in one of the two folders"
        else:
            why = "which counts once: remove one"
        yield f"{first.path} and {photo.path} are the same picture, {why}"


def _unlisted(subjects: Iterable[str]) -> Iterator[str]:
    """A sentence for each folder of photos that no line in params.yaml uses."""
    listed = set(subjects)
    for folder in sorted(paths.OWN_SUBJECTS.glob("*/")):
        if folder.name not in listed:
            line = f"{folder.name}: {{kind: …}}"
            yield f"{folder} is not used: add `{line}` to subjects in {paths.PARAMS}, or remove the folder"


def _photos(number: int) -> str:
    return "1 photo" if number == 1 else f"{number or 'no'} photos"
