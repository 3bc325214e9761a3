"""Photos on their way into data/subjects: read, compared, and saved as pixels and nothing else.

Owns which pictures count as the same and what a clean copy is. Decoding belongs to `core.images`.
"""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from common.core import images, paths, progress, seed
from common.core.errors import UserError, shown

# Of the 128 bits of two difference hashes, and of 255 in every cell of an 8 x 8 miniature in color. On 64
# camera photos, copies scaled to 64 pixels and saved in poor quality differ by up to 14 and 20, other photos
# by 28 and 63 at least. Things on plain ground may have one hash: a patch of another color is seen by color.
NEAR_BITS, NEAR_COLOR = 16, 24
MINIATURE = (8, 8)
SAVED = {  # format → suffix and options
    "JPEG": (".jpg", {"quality": 95, "subsampling": 0}),
    "WEBP": (".webp", {"quality": 95}),
    "PNG": (".png", {}),
}
LOSSY = {"HEIF", "AVIF", "MPO"}  # become JPEG; formats that are in neither table lose nothing as PNG
LFS_POINTER = b"version https://git-lfs"


@dataclass(frozen=True, eq=False)
class AddedPhoto:
    """A readable photo and what its copies are found by."""

    path: Path
    pixels: str  # SHA-256 of size and RGB values
    look: int  # difference hashes of the picture and of it lying on its side
    colors: np.ndarray  # (8, 8, 3) int16, a miniature
    size: tuple[int, int]  # width and height
    detail: tuple[int, int]  # pixels, bytes of the file: of near copies, the one with more is the original

    @classmethod
    def of(cls, path: Path, data: bytes, image: Image.Image) -> "AddedPhoto":
        """Describe a decoded photo."""
        small = np.asarray(image.resize(MINIATURE, Image.Resampling.BOX), np.int16)
        detail = (image.width * image.height, len(data))
        return cls(path, images.pixel_sha256(image), _look(image), small, image.size, detail)

    def near(self, other: "AddedPhoto") -> bool:
        """Do both look the same, in their shapes and in their colors?"""
        alike = (self.look ^ other.look).bit_count() <= NEAR_BITS
        return alike and bool(np.abs(self.colors - other.colors).max() <= NEAR_COLOR)


def read(files: Iterable[Path], what: str) -> tuple[list[AddedPhoto], list[str]]:
    """The pictures among the files, and a sentence for each file that is none."""
    photos, unreadable = [], []
    for path in progress.bar(list(files), f"read {what}"):
        data = b""
        try:
            data = images.read_bytes(path)
            image = images.load_image(data, str(path))
        except UserError as error:
            if data.startswith(LFS_POINTER):
                raise UserError(
                    f"{shown(path)} only stands for a photo in git-lfs: "
                    "run `git lfs pull` in its repository first"
                ) from None
            unreadable.append(str(error))
        else:
            photos.append(AddedPhoto.of(path, data, image))
    return photos, unreadable


def of_other_subjects() -> list[AddedPhoto]:
    """All readable train and test photos in data/subjects; what a kill has left there is hidden."""
    files = [
        path
        for split in ("train", "test")
        for folder in sorted(paths.OWN_SUBJECTS.glob(f"[!.]*/{split}"))
        for path in images.list_photos(folder)
    ]
    return read(files, paths.OWN_SUBJECTS.as_posix())[0]


def drawn(photos: Iterable[AddedPhoto], number: int) -> list[AddedPhoto]:
    """The photos as the seed `number` and their pixels order them, whatever the files are called."""
    return sorted(photos, key=lambda photo: seed.stream(number, "add", photo.pixels).random())


def clean(path: Path) -> tuple[bytes, str]:
    """The photo as bytes of a new file, upright and without metadata, and the suffix of its name."""
    data = images.read_bytes(path)
    with images.open_image(data, str(path)) as opened:
        form = opened.format
    if form not in SAVED:
        form = "JPEG" if form in LOSSY else "PNG"
    suffix, options = SAVED[form]
    image, out = images.load_image(data, str(path)), io.BytesIO()
    # made anew from the pixels, because Pillow hands comments and color profiles on
    Image.frombytes("RGB", image.size, image.tobytes()).save(out, form, **options)
    return out.getvalue(), suffix


def _look(image: Image.Image) -> int:
    """Both directions, because a horizon alone leaves nothing to the hash that compares left and right."""
    aside = image.transpose(Image.Transpose.ROTATE_90)
    return images.difference_hash(image) << 64 | images.difference_hash(aside)
