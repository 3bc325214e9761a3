"""The photos of the test, and the proof that training saw none of them.

Reads `test/` of every subject and its look-alikes (other individuals that look like it), where there are any.
"""

import itertools
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from common.core import images, paths
from common.core.errors import UserError
from common.core.vocabulary import Source
from common.testdata import ground_truth

THUMBNAIL = 112  # longest side of a photo for the report, pixels


class EvalPhoto(NamedTuple):
    """One photo of the test: whose it is (for look-alikes, whose look-alike), and what it shows."""

    owner: str
    group: str  # "test", a key of ground_truth.LOOKALIKES, or "two_subjects"
    path: Path
    sha256: str

    @property
    def key(self) -> str:
        """What requests call it."""
        return photo_key(self.owner, self.group, self.path.name)

    def asked_about(self, subject: str) -> bool:
        """Is this photo in the subject's test? Look-alikes are in their own subject's alone."""
        return self.group in ("test", "two_subjects") or self.owner == subject

    def shows(self, subject: str) -> bool:
        """The truth."""
        return self.group == "test" and self.owner == subject


def photo_key(owner: str, group: str, name: str) -> str:
    """What requests call a photo of the test: ``bo/test/00.png``."""
    return f"{owner}/{group}/{name}"


def gallery(sources: Mapping[str, Source]) -> dict[str, EvalPhoto]:
    """All photos of the test by key, in the order of owner, group and name.

    `sources` maps subject ids to whose photos they have.
    """
    photos = []
    for owner, source in sorted(sources.items()):
        folders = {"test": paths.test_photos(owner, source)} | ground_truth.lookalike_folders(owner, source)
        for group, folder in folders.items():
            if folder.is_dir():
                photos += [
                    EvalPhoto(owner, group, path, images.photo_row(path)["sha256"])
                    for path in images.list_photos(folder)
                ]
    return {photo.key: photo for photo in photos}


def two_subject_photos(folder: Path, rows: Iterable[ground_truth.TwoSubjectPhoto]) -> list[EvalPhoto]:
    """The photos of two subjects, in the order of the rows that name them."""
    named = [(folder / row.image, "+".join(row.shown)) for row in rows]
    return [EvalPhoto(both, "two_subjects", path, images.photo_row(path)["sha256"]) for path, both in named]


def refuse_leaks(photos: Iterable[EvalPhoto], trained_on: Mapping[str, Collection[str]]) -> None:
    """Raise UserError if a photo of a subject's test was among the files (SHA-256) it was trained on."""
    for photo, subject in itertools.product(photos, trained_on):
        if photo.asked_about(subject) and photo.sha256 in trained_on[subject]:
            raise UserError(
                f"{photo.path} was used to train {subject}, so it cannot test it: remove it from the test "
                "photos, or from the train photos or the corpus, and run `dvc repro`"
            )
