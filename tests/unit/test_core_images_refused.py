import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from common.core import images
from common.core.errors import UserError
from tests.support.helpers import ROOT
from tests.support.pictures import encode, huge_png


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "is empty (0 bytes)"),
        (b"%PDF-1.7 and so on", "is a PDF document: export the page as JPEG or PNG"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "is a video, or a HEIC photo of a kind that is not known"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is a PostScript document"),
        (b"<!doctype html><html>", "is a web page: save the image itself"),
        (b"hello", "is not an image that can be read"),
    ],
)
def test_what_is_no_image_is_named_for_what_it_is(data: bytes, sentence: str, tmp_path: Path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    with pytest.raises(UserError) as caught:
        images.load_image(path)
    assert f"{path} {sentence}" in str(caught.value)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF"])
@pytest.mark.parametrize("keep", [0.9, 0.5, 0.1])
def test_a_truncated_image_is_refused_in_every_format(kind: str, keep: float):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    data = encode(noise, kind)
    with pytest.raises(UserError, match=r"the image is (truncated or damaged|not an image)"):
        images.load_image(data[: int(len(data) * keep)])


def test_damage_anywhere_is_a_user_error_or_an_image():
    """Flip bytes at random: a decoder may cope or fail, but only in one way."""
    random = np.random.default_rng(0)
    image = Image.fromarray(random.integers(0, 255, (24, 24, 3), np.uint8))
    for kind in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"):
        whole = encode(image, kind)
        for _ in range(60):
            data = np.frombuffer(whole, np.uint8).copy()
            data[random.integers(0, len(data), 8)] = random.integers(0, 255, 8)
            try:
                assert images.load_image(data.tobytes()).mode == "RGB"
            except UserError as error:
                assert "the image" in str(error)


@pytest.mark.parametrize("side", [30_000, 10_000])
def test_a_decompression_bomb_is_refused_without_using_memory(side: int, tmp_path: Path):
    path = tmp_path / "bomb.png"
    path.write_bytes(huge_png(side))
    code = (
        "import resource, sys; from common.core import errors, images\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: images.load_image(sys.argv[1])\n"
        "except errors.UserError as error: print(error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], cwd=ROOT, capture_output=True, text=True)
    sentence, growth = done.stdout.splitlines()
    assert sentence.startswith(f"{path} has ") and sentence.endswith("scale it down")
    assert int(growth) < 20_000  # KiB
    assert done.stderr == ""


def test_a_tiff_that_lies_about_its_size_is_refused():
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    data = encode(Image.new("L", (8, 8)), "TIFF", tiffinfo=tags).replace(
        struct.pack("<HHII", 256, 4, 1, 8), struct.pack("<HHII", 256, 4, 1, 80)
    )
    with pytest.raises(UserError, match="truncated or damaged"):
        images.load_image(data)


@pytest.mark.parametrize(
    ("size", "sentence"),
    [((1, 1), "8 is the least"), ((900, 7), "8 is the least"), ((900, 30), "more than 20 times")],
)
def test_shapes_that_no_model_can_use_are_refused(size: tuple[int, int], sentence: str):
    for turned in (size, size[::-1]):
        with pytest.raises(UserError, match=sentence):
            images.load_image(encode(Image.new("RGB", turned)))
    assert images.load_image(encode(Image.new("RGB", (600, 30)))).size == (600, 30)


def test_formats_that_hide_their_size_or_start_programs_are_not_opened():
    for kind in ("ICO", "EPS", "PPM", "TGA", "PCX"):
        with pytest.raises(UserError, match=r"is (an icon|a PostScript document|not an image)"):
            images.load_image(encode(Image.new("RGB", (32, 32), "red"), kind))


def test_what_is_no_file_is_named(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "circle.jpg").symlink_to(tmp_path / "circle.jpg")
    for name, sentence in (
        ("pipe.jpg", "is not a file"),
        ("circle.jpg", "cannot be opened"),
        (f"{'x' * 300}.jpg", "cannot be opened"),
        ("a\0b.jpg", "cannot be the name of a file"),
        (".", "is not a file"),
    ):
        with pytest.raises(UserError, match=sentence):
            images.load_image(tmp_path / name)
