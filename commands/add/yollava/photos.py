"""The photos of the dataset without copies: each picture once, of one subject, in train or in the test.

check demands that of all own photos, because a test must not ask what training has shown.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from commands.add import pictures
from commands.add.pictures import AddedPhoto
from commands.add.yollava.findings import Findings
from common.core import images

TRAIN = 5  # photos that the paper learns from


@dataclass
class Photos:
    """What remains of a subject's photos."""

    train: list[AddedPhoto] = field(default_factory=list)
    test: list[AddedPhoto] = field(default_factory=list)

    def all(self) -> list[AddedPhoto]:
        """Both splits."""
        return self.train + self.test


def read(root: Path, name: str, asked: Collection[str], found: Findings) -> Photos:
    """Read the photos of the subject `name`; `asked` holds names of test photos that questions are about."""
    train = _split(root / "train" / name, (), found)
    test = _split(root / "test" / name, asked, found)
    shown = {photo.pixels: photo for photo in train}
    for photo in test.copy():
        copy = shown.get(photo.pixels)
        if copy is not None:
            found["Photos in train and test"].append(f"{copy.path} and {photo.path}")
            if len(train) > TRAIN:
                train.remove(copy)
            else:
                test.remove(photo)
    found["Near duplicates across train and test"] += [
        f"{one.path} and {other.path}"
        for one in train
        for other in test
        if one.near(other) and one.pixels != other.pixels
    ]
    return Photos(_by_path(train), _by_path(test))


def without_others(photos: Photos, others: dict[str, AddedPhoto], found: Findings) -> Photos:
    """The photos that no other subject has; `others` maps pixels to them, and gains these photos."""
    kept = Photos()
    for source, target in ((photos.train, kept.train), (photos.test, kept.test)):
        for photo in source:
            if photo.pixels in others:
                found["Photos of two subjects"].append(f"{others[photo.pixels].path} and {photo.path}")
            else:
                target.append(photo)
    others.update((photo.pixels, photo) for photo in kept.all())
    return kept


def _split(folder: Path, asked: Collection[str], found: Findings) -> list[AddedPhoto]:
    """The different pictures of a folder, those that questions are about first, so that these are kept."""
    if not folder.is_dir():
        return []
    photos, unreadable = pictures.read(images.list_photos(folder), f"{folder.parent.name}/{folder.name}")
    found["Unreadable files"] += unreadable
    first: dict[str, AddedPhoto] = {}
    for photo in sorted(_by_path(photos), key=lambda photo: photo.path.name not in asked):
        if photo.pixels in first:
            found["Duplicate photos"].append(f"{first[photo.pixels].path} and {photo.path}")
        else:
            first[photo.pixels] = photo
    return list(first.values())


def _by_path(photos: Iterable[AddedPhoto]) -> list[AddedPhoto]:
    return sorted(photos, key=lambda photo: photo.path)
