"""Image files: of random patches, and such as try a decoder."""

import io
import re
import struct
import zlib

import numpy as np
from PIL import Image, ImageCms


def encode(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def huge_png(side: int) -> bytes:
    """A tiny file that claims and holds side x side one-bit pixels."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(bytes(side // 8 + 1)) for _ in range(side)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def swapped_profile() -> bytes:
    """A color profile whose red is sRGB's green."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    parts = {b"rXYZ": b"gXYZ", b"gXYZ": b"rXYZ", "sRGB".encode("utf-16-be"): "mine".encode("utf-16-be")}
    return re.sub(b"|".join(map(re.escape, parts)), lambda found: parts[found[0]], srgb)


def picture(number: int, form: str = "PNG", size: tuple[int, int] = (40, 40)) -> bytes:
    """An image file of 4 x 4 random patches that differ for every number."""
    noise = np.random.default_rng(number).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return encode(Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC), form)
