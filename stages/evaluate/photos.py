"""The photos of the test, and the proof that training saw none of them.

Reads `test/` of every subject and its siblings (other individuals that look like it), where there are any.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from stages.core import images, paths, truth
from stages.core.errors import UserError


class Photo(NamedTuple):
    """One photo of the test: whose it is (for siblings, whose sibling), and what it shows."""

    owner: str
    group: str  # "test", a key of truth.SIBLINGS, or "together"
    path: Path
    sha256: str

    def asked_about(self, subject: str) -> bool:
        """Is this photo in the subject's test? Siblings are only in their own subject's, all others are."""
        return self.group in ("test", "together") or self.owner == subject

    def shows(self, subject: str) -> bool:
        """The truth."""
        return self.group == "test" and self.owner == subject


def gallery(sources: Mapping[str, str]) -> list[Photo]:
    """All photos of the test, by owner, group and name; `sources` maps subject ids to "world" or "own"."""
    photos = []
    for owner, source in sorted(sources.items()):
        folders = {"test": paths.test_photos(owner, source)} | truth.sibling_folders(owner, source)
        for group, folder in folders.items():
            if folder.is_dir():
                photos += [
                    Photo(owner, group, path, images.photo_row(path)["sha256"])
                    for path in images.list_photos(folder)
                ]
    return photos


def of_two(folder: Path, rows: Iterable[truth.Together]) -> list[Photo]:
    """The photos of two subjects, in the order of the rows that name them."""
    found = [(folder / row.image, "+".join(row.shown)) for row in rows]
    return [Photo(both, "together", path, images.photo_row(path)["sha256"]) for path, both in found]


def refuse_leaks(photos: Iterable[Photo], subject: str, trained_on: set[str]) -> None:
    """Raise UserError if a photo of the subject's test was among the images (SHA-256) it was trained on."""
    for photo in photos:
        if photo.asked_about(subject) and photo.sha256 in trained_on:
            raise UserError(
                f"{photo.path} was used to train {subject}, so it cannot test it: remove it from the test "
                "photos, or from the train photos or the corpus, and run `dvc repro`"
            )
