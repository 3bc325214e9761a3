"""Photos on their way into data/subjects: read, compared, and saved as pixels and nothing else.

Owns which pictures count as the same and what a clean copy is. Decoding belongs to `core.images`, to which
HEIC is added here: the pipeline itself never meets it, for copies are JPEG.
"""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pi_heif
from PIL import Image

from stages.core import images, paths, progress
from stages.core.errors import UserError

pi_heif.register_heif_opener()

# Of 128 bits. On the camera photos it was measured with, scaled and recompressed copies differ in 6 at most,
# other photos of the same thing in 28 at least.
NEAR = 10
SAVED = {  # format → suffix and options
    "JPEG": (".jpg", {"quality": 95, "subsampling": 0}),
    "WEBP": (".webp", {"quality": 95}),
    "PNG": (".png", {}),
}
LOSSY = {"HEIF", "AVIF", "MPO"}  # become JPEG; formats that are in neither table lose nothing as PNG
LFS_POINTER = b"version https://git-lfs"


@dataclass(frozen=True)
class Picture:
    """A readable photo and what its copies are found by."""

    path: Path
    pixels: str  # SHA-256 of size and RGB values
    look: int  # difference hashes of the picture and of it lying on its side

    def near(self, other: "Picture") -> bool:
        """Do both show the same to the eye?"""
        return (self.look ^ other.look).bit_count() <= NEAR


def read(files: Iterable[Path], what: str) -> tuple[list[Picture], list[str]]:
    """The pictures among the files, and a sentence for each file that is none."""
    found, unreadable = [], []
    for path in progress.bar(list(files), f"read {what}"):
        data = b""
        try:
            data = images.read_bytes(path)
            image = images.load_image(data, str(path))
        except UserError as error:
            if data.startswith(LFS_POINTER):
                raise UserError(
                    f"{path} only stands for a photo in git-lfs: run `git lfs pull` in its repository first"
                ) from None
            unreadable.append(str(error))
        else:
            found.append(Picture(path, images.pixel_sha256(image), _look(image)))
    return found, unreadable


def of_other_subjects() -> list[Picture]:
    """All readable train and test photos in data/subjects; what a kill has left there is hidden."""
    files = [
        path
        for split in ("train", "test")
        for folder in sorted(paths.OWN_SUBJECTS.glob(f"[!.]*/{split}"))
        for path in images.list_photos(folder)
    ]
    return read(files, paths.OWN_SUBJECTS.as_posix())[0]


def clean(path: Path) -> tuple[bytes, str]:
    """The photo as bytes of a new file, upright and without metadata, and the suffix of its name."""
    with Image.open(path) as opened:
        form = opened.format
    if form not in SAVED:
        form = "JPEG" if form in LOSSY else "PNG"
    suffix, options = SAVED[form]
    image, out = images.load_image(path), io.BytesIO()
    # made anew from the pixels, because Pillow hands comments and color profiles on
    Image.frombytes("RGB", image.size, image.tobytes()).save(out, form, **options)
    return out.getvalue(), suffix


def _look(image: Image.Image) -> int:
    """Both directions, because a horizon alone leaves nothing to the hash that compares left and right."""
    aside = image.transpose(Image.Transpose.ROTATE_90)
    return images.difference_hash(image) << 64 | images.difference_hash(aside)
