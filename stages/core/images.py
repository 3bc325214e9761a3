"""Photos as people have them, loaded rightly or refused with a sentence.

Owns decoding (rotation, color modes, transparency, animation, size limit), listing and hashing of photos.
Does not own cropping, scaling or augmentation, which belong to the stages that need them.
"""

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from stages.core.errors import UserError
from stages.core.io import sha256_bytes

MAX_PIXELS = 80_000_000  # 240 MB decoded; below Pillow's own warning, above today's cameras' usual output

# The limit above is checked before anything is decoded, so Pillow's softer warning adds nothing.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

_OTHER_FILES = {  # (offset, first bytes) → what the file really is, and the remedy
    (0, b"%PDF"): "a PDF document: export the page as JPEG or PNG",
    (4, b"ftyp"): "a HEIC photo or a video: export it as JPEG",
    (0, b"PK\x03\x04"): "a ZIP archive: unpack it",
    (0, b"<svg"): "an SVG drawing: export it as PNG",
    (0, b"<!DOCTYPE"): "a web page: save the image itself",
    (0, b"<html"): "a web page: save the image itself",
}


def list_photos(folder: Path) -> list[Path]:
    """All visible files of a folder, by name: every one of them is meant to be a photo.

    Raises UserError when the folder is missing.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"the folder {folder} is missing: make it and put the subject's photos there")
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


def load_image(source: Path | str | bytes, name: str = "the image") -> Image.Image:
    """Decode a photo to 8-bit RGB, upright; of an animation, the first frame; transparency becomes white.

    `source` is a file or its bytes; `name` names bytes in errors. Raises UserError for anything that is no
    readable image or has more than MAX_PIXELS pixels; the limit is checked on the header, before memory is
    spent.
    """
    if isinstance(source, bytes):
        data = source
    else:
        name = str(source)
        data = read_bytes(Path(source))
    if not data:
        raise UserError(f"{name} is empty (0 bytes): copy the original photo again")
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise _too_large(name, f"{image.width:,} x {image.height:,} pixels")
            image.seek(0)
            return _to_rgb(ImageOps.exif_transpose(image))
    except UserError:
        raise
    except Image.DecompressionBombError:
        raise _too_large(name, "far more pixels") from None
    except UnidentifiedImageError:
        raise UserError(f"{name} is {_what_it_is(data)}") from None
    except Exception as error:  # damaged files make Pillow's decoders raise nearly every kind of exception
        raise UserError(f"{name} is truncated or damaged ({error}): copy the original photo again") from error


def photo_row(path: Path) -> dict[str, Any]:
    """A photo as table cells: the file's own bytes, their SHA-256, and where they came from."""
    data = read_bytes(path)
    return {
        "image": {"bytes": data, "path": path.name},
        "sha256": sha256_bytes(data),
        "source": path.as_posix(),
    }


def read_bytes(path: Path) -> bytes:
    """The bytes of a photo file; one that cannot be opened is a UserError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(
            f"{path} cannot be opened ({error.strerror}): check that it exists and is readable"
        ) from error


def thumbnail(image: Image.Image, side: int) -> bytes:
    """A copy no larger than `side` pixels as JPEG bytes, for tables and pages that people look at."""
    small = image.copy()
    small.thumbnail((side, side))
    file = io.BytesIO()
    small.save(file, "JPEG", quality=85)
    return file.getvalue()


def pixel_sha256(image: Image.Image) -> str:
    """SHA-256 of size and RGB values: equal for the same picture in different files."""
    return sha256_bytes(f"{image.width}x{image.height}:".encode() + image.convert("RGB").tobytes())


def difference_hash(image: Image.Image) -> int:
    """64-bit perceptual hash (is each cell of an 8 x 9 gray miniature brighter than its left neighbor?).

    Near duplicates differ in few bits: compare with `(a ^ b).bit_count()`.
    """
    gray = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BILINEAR))  # (8, 9)
    bits = gray[:, 1:] > gray[:, :-1]  # (8, 8)
    return int.from_bytes(np.packbits(bits).tobytes())


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):  # 16-bit gray and wider; Pillow's own conversion clips to white
        values = np.asarray(image, dtype=np.float64)
        white = 65535 if values.max(initial=0) > 255 else 255
        image = Image.fromarray((values.clip(0, white) * (255 / white)).round().astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def _too_large(name: str, found: str) -> UserError:
    return UserError(f"{name} has {found}, more than the {MAX_PIXELS:,} allowed: scale it down")


def _what_it_is(data: bytes) -> str:
    for (offset, magic), kind in _OTHER_FILES.items():
        if data[offset : offset + len(magic)].lower() == magic.lower():
            return kind
    return "not an image that can be read: use JPEG, PNG or WebP"
