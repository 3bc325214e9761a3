"""Pictures in every format that is read and some that are not, of odd modes and sizes, whole and damaged."""

import io
from collections.abc import Callable
from contextlib import suppress

from hypothesis import strategies as st
from PIL import Image

from common.core import images
from common.core.errors import UserError
from common.corpus import web
from tests.hostile.drawn import LIMITS, damaged
from tests.support.add_helpers import HEIC
from tests.support.pictures import huge_png, swapped_profile

SAVED = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "ICO", "EPS", "PPM")
MODES = ("1", "L", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F", "LA")
OTHERS = (
    *(b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\0\0\0\0WEBP", b"%!PS-Adobe-3.0 EPSF"),
    *(b"\0\0\0\x18ftypheic", b"II*\0", b"<svg", b"PK\x03\x04", b"BM"),
)
PROFILES = (b"", b"no profile", swapped_profile(), swapped_profile()[:200], bytes(128))
BOMBS = tuple(huge_png(side) for side in (100, 9_000, 30_000))


@st.composite
def pictures(draw: Callable) -> bytes:
    """A file as a decoder may meet it."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(st.sampled_from(OTHERS)) + draw(st.binary(max_size=200))
    if kind == 1:
        return damaged(draw, HEIC)
    if kind == 2:
        return damaged(draw, draw(st.sampled_from(BOMBS)))
    size = draw(st.tuples(st.integers(1, 400), st.integers(1, 400)))
    image = Image.linear_gradient("L").resize(size).convert("RGB")
    mode, form = draw(st.sampled_from(MODES)), draw(st.sampled_from(SAVED))
    with suppress(ValueError):  # modes that nothing is converted to
        image = image.convert(mode)
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = draw(st.integers(0, 9))  # turned
    options = {"exif": exif} if form in ("PNG", "JPEG", "WEBP", "TIFF") else {}
    with suppress(OSError, ValueError, KeyError):  # modes that the format cannot hold: an empty file
        image.save(out, form, icc_profile=draw(st.sampled_from(PROFILES)), **options)
    return damaged(draw, out.getvalue())


def decoded(data: bytes) -> None:
    """A picture becomes RGB of a usable size, or is refused in a sentence, and the corpus agrees."""
    try:
        image = images.load_image(data)
    except UserError as error:
        assert "\n" not in str(error)
        image = None
    else:
        assert image.mode == "RGB" and not images.shape_problem(*image.size)
        assert len(image.tobytes()) == 3 * image.width * image.height
    try:
        kept = web.keep(data, LIMITS)
    except web.Unusable as reason:
        assert len(str(reason)) < 40
        return
    assert image is not None
    again = images.load_image(kept.data)
    assert max(again.size) <= LIMITS.max_side
