"""The photos of a subject, in train or in the test, and never in both."""

from collections.abc import Collection
from pathlib import Path

from commands.add.pictures import AddedPhoto
from commands.add.published import photos
from commands.add.published.findings import Findings
from commands.add.published.photos import Photos
from commands.add.yollava.causes import IN_BOTH
from common.core import images

TRAIN = 5  # photos that the paper learns from


def read(
    root: Path, name: str, asked: Collection[str], others: dict[str, AddedPhoto], findings: Findings
) -> Photos:
    """Read the photos of the subject `name`.

    Args:
        root: folder with train/ and test/.
        name: as published.
        asked: names of test photos that questions are about, which are kept of copies.
        others: other subjects' photos by their pixels; gains these.
        findings: gains what is wrong.

    """
    train = _split(root / "train" / name, (), findings)
    test = _split(root / "test" / name, asked, findings)
    shown = {photo.pixels: photo for photo in train}
    for photo in test.copy():
        copy = shown.get(photo.pixels)
        if copy is not None:
            findings[IN_BOTH].append(f"{copy.path} and {photo.path}")
            if len(train) > TRAIN:
                train.remove(copy)
            else:
                test.remove(photo)
    photos.note_near(Photos(train, test), findings)
    own = Photos(*(photos.without_others(photos.by_path(split), others, findings) for split in (train, test)))
    others.update((photo.pixels, photo) for photo in own.all())
    return own


def _split(folder: Path, asked: Collection[str], findings: Findings) -> list[AddedPhoto]:
    """The different pictures of a folder, those that questions are about first, so that these are kept."""
    if not folder.is_dir():
        return []
    files, what = images.list_photos(folder), f"{folder.parent.name}/{folder.name}"
    return photos.distinct(files, what, findings, lambda photo: photo.path.name in asked)
