"""A folder of someone's photos as one subject: what is left out, which photos test, and their places."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from commands.add import pictures
from commands.add.pictures import AddedPhoto
from common.core import images, io, paths, progress
from common.core.errors import UserError, shown

TRAIN = 5  # as many as the paper learns from
LEAST = 2  # one to learn from and one to test with


@dataclass(frozen=True)
class NewSubject:
    """The photos of a new subject, not yet copied."""

    name: str
    train: list[AddedPhoto]
    test: list[AddedPhoto]

    def place(self) -> None:
        """Make data/subjects/<id>, whole or not at all."""
        with io.whole_folder(paths.photos_dir(self.name, "own")) as folder:
            for split, photos in (("train", self.train), ("test", self.test)):
                (folder / split).mkdir()
                for number, photo in enumerate(photos):
                    data, suffix = pictures.clean(photo.path)
                    # numbers, because the names people give tell of persons and places too
                    copy = folder / split / f"{number:02}{suffix}"
                    copy.write_bytes(data)
                    copy.chmod(photo.path.stat().st_mode & 0o666)  # what only its owner may see stays so

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Width and height of each photo."""
        return [photo.size for photo in self.train + self.test]

    def summary(self) -> str:
        """What was added."""
        return f"{self.name}, {len(self.train)} photos to learn from and {len(self.test)} to test with"

    def say_next(self) -> str:
        """What to do now."""
        return (
            f"Next: look through {paths.photos_dir(self.name, 'own')}, run `make repro`, then "
            f"`python -m commands.chat {self.name} --image PHOTO`"
        )


def read(folder: Path, name: str, share: float | None, number: int) -> NewSubject:
    """Read the folder's photos and split them by the seed `number`; print what is left out, and why.

    `share` of them are for the test; None leaves all but TRAIN. Raises UserError when the subject's
    folder exists or fewer than LEAST pictures remain.
    """
    place = paths.photos_dir(name, "own")
    if place.exists():
        raise UserError(f"{place} exists already: remove it, or use another id")
    photos, left_out = pictures.read(images.list_photos(folder), folder.name)
    left_out += [
        f"{shown(path)} is a folder: its photos are not read"
        for path in sorted(folder.iterdir())
        if path.is_dir() and not images.is_leftover(path.name)
    ]
    distinct = _distinct(photos, left_out)
    for sentence in left_out:
        progress.say(f"left out: {sentence}")
    if len(distinct) < LEAST:
        raise UserError(
            f"of the photos in {folder} {len(distinct)} can be used, and {LEAST} are needed: add more; "
            f"{TRAIN} to learn from and some to test with are good"
        )
    return NewSubject(name, *split(distinct, share, number))


def split(
    photos: Sequence[AddedPhoto], share: float | None, number: int
) -> tuple[list[AddedPhoto], list[AddedPhoto]]:
    """Train and test photos, by the seed `number`; `share` as of `read`."""
    tests = len(photos) - TRAIN if share is None else round(share * len(photos))
    tests = min(max(tests, 1), len(photos) - 1)
    order = pictures.drawn(photos, number)
    return order[tests:], order[:tests]


def _distinct(photos: Sequence[AddedPhoto], left_out: list[str]) -> list[AddedPhoto]:
    """The photos without copies of each other and of other subjects'; `left_out` gains their sentences."""
    others = pictures.of_other_subjects()
    kept: list[AddedPhoto] = []
    # the copy with the most detail first; then by pixels, so that names of files choose nothing
    for photo in sorted(photos, key=lambda photo: (*(-size for size in photo.detail), photo.pixels)):
        if other := next(filter(photo.near, others), None):
            same = _same(photo, other)
            left_out.append(f"{shown(photo.path)} {same} {shown(other.path)}, which is another subject's")
        elif twin := next(filter(photo.near, kept), None):
            left_out.append(f"{shown(photo.path)} {_same(photo, twin)} {shown(twin.path)}")
        else:
            kept.append(photo)
    return kept


def _same(photo: AddedPhoto, other: AddedPhoto) -> str:
    return "is the same picture as" if photo.pixels == other.pixels else "looks like a copy of"
