"""Photos of a published dataset without copies: each picture once, of one subject.

check demands that of all own photos, because a test must not ask what training has shown.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from commands.add import pictures
from commands.add.pictures import AddedPhoto
from commands.add.published.findings import DUPLICATES, NEAR, OF_TWO, UNREADABLE, Findings

LEAST = {"train": 2, "test": 1}  # check refuses fewer


@dataclass
class Photos:
    """A subject's photos by what they are for, each in the order of its paths."""

    train: list[AddedPhoto] = field(default_factory=list)
    test: list[AddedPhoto] = field(default_factory=list)

    def all(self) -> list[AddedPhoto]:
        """Both splits."""
        return self.train + self.test

    def too_few(self) -> list[str]:
        """The splits that hold fewer than check accepts."""
        return [split for split, least in LEAST.items() if len(getattr(self, split)) < least]


def distinct(
    files: Iterable[Path], what: str, findings: Findings, first: Callable[[AddedPhoto], bool]
) -> list[AddedPhoto]:
    """The different pictures among the files; of copies one is kept of which `first` is true, if there is."""
    photos, unreadable = pictures.read(files, what)
    findings[UNREADABLE] += unreadable
    kept: dict[str, AddedPhoto] = {}
    for photo in sorted(by_path(photos), key=lambda photo: not first(photo)):
        if photo.pixels in kept:
            findings[DUPLICATES].append(f"{kept[photo.pixels].path} and {photo.path}")
        else:
            kept[photo.pixels] = photo
    return list(kept.values())


def note_near(photos: Photos, findings: Findings) -> None:
    """Note the photos of train and test that look the same and are not the same picture."""
    findings[NEAR] += [
        f"{one.path} and {other.path}"
        for one in photos.train
        for other in photos.test
        if one.near(other) and one.pixels != other.pixels
    ]


def without_others(
    photos: Sequence[AddedPhoto], others: dict[str, AddedPhoto], findings: Findings
) -> list[AddedPhoto]:
    """The photos that no other subject has; `others` maps pixels to its photos."""
    kept = []
    for photo in photos:
        if photo.pixels in others:
            findings[OF_TWO].append(f"{others[photo.pixels].path} and {photo.path}")
        else:
            kept.append(photo)
    return kept


def by_path(photos: Iterable[AddedPhoto]) -> list[AddedPhoto]:
    """The photos in the order of their paths."""
    return sorted(photos, key=lambda photo: photo.path)
