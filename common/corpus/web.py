"""Pictures from elsewhere: downloads, names for what went wrong, and the form we keep.

Owns what makes an address fit to ask for and a picture fit to keep. Does not own the names of failures
(`connection`), the manners and bounds of a download (`polite_http`), which pictures are fetched, or
img2dataset, which downloads long lists under the same rules.
"""

import io
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from PIL import Image, UnidentifiedImageError

from common.core.causes import cause
from common.core.errors import UserError
from common.core.images import FORMATS, load_image, shape_problem
from common.core.io import sha256_bytes
from common.corpus.polite_http import DownloadLimits, polite_opener

DECODERS = 2  # threads, for a picture may take gigabytes, and each thread's heap keeps what it has had
NOISE = "".join(map(chr, range(33)))  # what browsers take off both ends of an address


class Unusable(Exception):  # noqa: N818 — an outcome to count, not a defect
    """A picture that cannot be had; the message is one of the short cause names."""


@dataclass(frozen=True)
class CorpusImage:
    """A picture as kept: RGB, upright, no side above the limit."""

    data: bytes
    sha256: str
    original_sha256: str  # of the file as it came
    image: Image.Image
    suffix: str  # of a file with these bytes


def is_http(url: str | None) -> bool:
    """Whether this is a web address at all; everything else (file:, data:, a typo) is refused and counted."""
    return bool(url) and url.strip(NOISE).lower().startswith(("http://", "https://"))


def encoded(url: str) -> str:
    """The address as urllib wants it: percent-encoded, its host in ASCII, no space around, no breaks in it.

    Raises Unusable for what no server can be asked for.
    """
    text = url.strip(NOISE).translate(dict.fromkeys(map(ord, "\t\r\n")))
    if "\ufffd" in text:  # bytes that were no UTF-8
        raise Unusable("bad url")
    try:
        parts = urlsplit(text)
        host = parts.netloc if parts.netloc.isascii() else parts.netloc.encode("idna").decode()
        return quote(parts._replace(netloc=host).geturl(), safe="%/:=&?~#+!$,;'@()*[]")
    except ValueError:
        raise Unusable("bad url") from None


def causes(failures: Mapping[str, int]) -> str:
    """Counts by cause for a sentence: `12 http 404, 3 timed out`."""
    return ", ".join(f"{count:,} {name}" for name, count in sorted(failures.items())) or "none"


def fetch(urls: list[str], limits: DownloadLimits, threads: int) -> list[CorpusImage | Unusable]:
    """Download pictures side by side; one result per URL, in order."""
    director = polite_opener(limits)

    def one(url: str) -> CorpusImage | Unusable:
        try:
            return decoders.submit(keep, _download(director, url, limits), limits).result()
        except Unusable as failure:
            return failure

    with ThreadPoolExecutor(threads) as pool, ThreadPoolExecutor(DECODERS) as decoders:
        return list(pool.map(one, urls))


def _download(director: urllib.request.OpenerDirector, url: str, limits: DownloadLimits) -> bytes:
    if not is_http(url):
        raise Unusable("not http")
    try:
        with director.open(encoded(url), timeout=limits.timeout_s) as response:
            return response.read()
    except Unusable:
        raise
    except Exception as error:  # broken servers make http.client raise nearly every kind of exception
        raise Unusable(cause(str(error))) from None


def keep(data: bytes, limits: DownloadLimits) -> CorpusImage:
    """Check a picture's bytes and bring it into the form in which it is kept.

    Bytes stay as they are when that is possible: a plain RGB JPEG or PNG that is small enough and carries no
    color profile and no EXIF (which may turn it or tell where it was taken). Anything else is converted and
    scaled down once. Raises Unusable.
    """
    original = sha256_bytes(data)
    if not data:
        raise Unusable("empty")
    if len(data) > limits.max_bytes:
        raise Unusable("too large")
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as head:
            refuse_shape(head.size, limits)
            kind = head.format
            profile = head.info.get("icc_profile")
            plain = kind in {"JPEG", "PNG"} and head.mode == "RGB" and not head.getexif() and not profile
    except Unusable:
        raise
    except Image.DecompressionBombError:
        raise Unusable("too many pixels") from None
    except UnidentifiedImageError:
        raise Unusable("not an image") from None
    except Exception:  # damaged files make Pillow's decoders raise nearly every kind of exception
        raise Unusable("damaged") from None
    form = "JPEG" if kind in {"JPEG", "MPO", "WEBP", "HEIF", "AVIF"} else "PNG"
    try:
        image = load_image(data)
    except UserError:
        raise Unusable("damaged") from None
    if not plain or max(image.size) > limits.max_side:
        small = shrink(image, limits.max_side)
        if shape_problem(*small.size):
            raise Unusable("extreme shape")
        data = _encode(small, form)
        image = load_image(data)  # JPEG changes pixels: hashes and embeddings are those of what we keep
    return CorpusImage(data, sha256_bytes(data), original, image, ".jpg" if form == "JPEG" else ".png")


def refuse_shape(size: tuple[int, int], limits: DownloadLimits) -> None:
    """Raise Unusable for a size in pixels that no model can use: dividers, spacers, or too much to decode."""
    short, long = sorted(size)
    if short * long > limits.max_pixels:
        raise Unusable("too many pixels")
    if short < limits.min_side:
        raise Unusable("too small")
    if long > short * limits.max_aspect:
        raise Unusable("extreme shape")


def shrink(image: Image.Image, max_side: int) -> Image.Image:
    """The image with its longest side at most `max_side`, never enlarged."""
    scale = max_side / max(image.size)
    if scale >= 1:
        return image
    width, height = (max(1, round(side * scale)) for side in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)


def _encode(image: Image.Image, form: str) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **({"quality": 95, "subsampling": 0} if form == "JPEG" else {}))
    return out.getvalue()
