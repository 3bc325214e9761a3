"""Photos as people have them, loaded rightly or refused with a sentence."""

import hashlib
import io
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pi_heif
from PIL import Image, ImageOps, UnidentifiedImageError

from common.core.errors import UserError, shown
from common.core.io import sha256_bytes
from common.core.progress import printable
from common.core.srgb import to_srgb

pi_heif.register_heif_opener()

# What is decoded at all. Pillow knows more, among them formats that start other programs (EPS) and those that
# hold a picture of another size than their header says (ICO, ICNS).
FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "AVIF", "GIF", "BMP", "TIFF")
MAX_PIXELS = 80_000_000  # 240 MB decoded; below Pillow's own warning, above today's cameras' usual output
MIN_SIDE = 8  # pixels; smaller ones are spacers and tracking dots
MAX_ASPECT = 20  # longer side over shorter; beyond are dividers and banners, which no vision tower can use
NAME = 500  # letters of a picture's name in a sentence
LEFTOVERS = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"}  # of Windows and macOS, in small letters

# The limits above are checked before anything is decoded, so Pillow's softer warning adds nothing.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

_OTHER_FILES = {  # (offset, first bytes) → what the file really is, and the remedy
    (0, b"%PDF"): "a PDF document: export the page as JPEG or PNG",
    (4, b"ftyp"): "a video, or a HEIC photo of a kind that is not known: export it as JPEG",
    (0, b"%!PS"): "a PostScript document: export it as JPEG or PNG",
    (0, b"\0\0\1\0"): "an icon: export it as PNG",
    (0, b"PK\x03\x04"): "a ZIP archive: unpack it",
    (0, b"<svg"): "an SVG drawing: export it as PNG",
    (0, b"<!DOCTYPE"): "a web page: save the image itself",
    (0, b"<html"): "a web page: save the image itself",
}


def list_photos(folder: Path) -> list[Path]:
    """All that is visible in a folder but folders, by name: every one of them is meant to be a photo.

    Passes over what operating systems leave behind. Raises UserError when the folder is missing.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"the folder {folder} is missing: make it and put the subject's photos there")
    return sorted(path for path in folder.iterdir() if not path.is_dir() and not is_leftover(path.name))


def is_leftover(name: str) -> bool:
    """Whether a file or folder of this name is hidden, or was left by an operating system."""
    return name.startswith(".") or name.lower() in LEFTOVERS or name == "__MACOSX"


def load_image(source: Path | str | bytes, name: str = "the image") -> Image.Image:
    """Decode a photo to 8-bit sRGB, upright; of an animation, the first frame; transparency becomes white.

    `source` is a file or its bytes; `name` names bytes in errors. Raises UserError for anything that is no
    readable image of FORMATS, has more than MAX_PIXELS pixels, or is of a shape that no model can use; limits
    are checked on the header, before memory is spent.
    """
    if isinstance(source, bytes):
        data = source
    else:
        name = str(source)
        data = read_bytes(Path(source))
    with open_image(data, name) as image:
        image.seek(0)
        return to_srgb(ImageOps.exif_transpose(image))


@contextmanager
def open_image(data: bytes, name: str) -> Iterator[Image.Image]:
    """Open a picture of FORMATS and of a usable size without decoding it; the body may decode.

    Raises UserError, also for what Pillow raises in the body.
    """
    name = printable(name, NAME)
    if not data:
        raise UserError(f"{name} is empty (0 bytes): copy the original photo again")
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise _too_large(name, f"{image.width:,} x {image.height:,} pixels")
            if problem := shape_problem(*image.size):
                raise UserError(f"{name} is {problem}: leave it out, or cut out what it shows")
            yield image
    except UserError:
        raise
    except Image.DecompressionBombError:
        raise _too_large(name, "far more pixels") from None
    except UnidentifiedImageError:
        raise UserError(f"{name} is {_what_it_is(data)}") from None
    except Exception as error:  # damaged files make Pillow's decoders raise nearly every kind of exception
        reason = printable(error)
        raise UserError(
            f"{name} is truncated or damaged ({reason}): copy the original photo again"
        ) from error


def shape_problem(width: int, height: int) -> str | None:
    """Say why no model can use a picture of so many pixels; None if its shape is fine."""
    short, long = sorted((width, height))
    if short < MIN_SIDE:
        return f"{width:,} x {height:,} pixels, and {MIN_SIDE} is the least for a side"
    if long > MAX_ASPECT * short:
        return f"{width:,} x {height:,} pixels, more than {MAX_ASPECT} times as long as wide"
    return None


def photo_row(path: Path) -> dict[str, Any]:
    """A photo as table cells: the file's own bytes, their SHA-256, and where they came from."""
    data = read_bytes(path)
    return {
        "image": {"bytes": data, "path": path.name},
        "sha256": sha256_bytes(data),
        "source": path.as_posix(),
    }


def read_bytes(path: Path) -> bytes:
    """The bytes of a photo file; one that cannot be opened, or is no regular file, is a UserError."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe or a device may never end
            raise UserError(f"{shown(path)} is not a file: name a photo")
        return path.read_bytes()
    except ValueError:  # a NUL in the name
        raise UserError(f"{str(path)!r} cannot be the name of a file: mend the name") from None
    except OSError as error:
        raise UserError(
            f"{shown(path)} cannot be opened ({error.strerror}): check that it exists and is readable"
        ) from error


def within(image: Image.Image, side: int | None) -> Image.Image:
    """The image, or a smaller copy if its longest side has more than `side` pixels; None for no limit."""
    if side is None or max(image.size) <= side:
        return image
    small = image.copy()
    small.thumbnail((side, side))
    return small


def thumbnail(image: Image.Image, side: int) -> bytes:
    """A copy no larger than `side` pixels as JPEG bytes, for tables and pages that people look at."""
    file = io.BytesIO()
    within(image, side).save(file, "JPEG", quality=85)
    return file.getvalue()


def png(image: Image.Image) -> bytes:
    """Encode the image as PNG, which loses nothing."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def pixel_sha256(image: Image.Image) -> str:
    """SHA-256 of size and RGB values: equal for the same picture in different files."""
    digest = hashlib.sha256(f"{image.width}x{image.height}:".encode())
    digest.update((image if image.mode == "RGB" else image.convert("RGB")).tobytes())  # one copy, not three
    return digest.hexdigest()


def difference_hash(image: Image.Image) -> int:
    """64-bit perceptual hash (is each cell of an 8 x 9 gray miniature brighter than its left neighbor?).

    Near duplicates differ in few bits: compare with `(a ^ b).bit_count()`.
    """
    gray = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BILINEAR))  # (8, 9)
    bits = gray[:, 1:] > gray[:, :-1]  # (8, 8)
    return int.from_bytes(np.packbits(bits).tobytes())


def _too_large(name: str, size: str) -> UserError:
    return UserError(f"{name} has {size}, more than the {MAX_PIXELS:,} allowed: scale it down")


def _what_it_is(data: bytes) -> str:
    for (offset, magic), kind in _OTHER_FILES.items():
        if data[offset : offset + len(magic)].lower() == magic.lower():
            return kind
    return "not an image that can be read: use JPEG, PNG or WebP"
