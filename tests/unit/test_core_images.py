import io
import os
import re
import struct
import subprocess
import sys
import textwrap
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, TiffImagePlugin

from common.core import images
from common.core.errors import UserError
from tests.support.helpers import REAL_PHOTOS, ROOT, save_photo


def encode(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def gradient() -> np.ndarray:
    return np.tile(np.linspace(0, 1, 32), (16, 1))  # (16, 32), dark left, bright right


def test_exif_rotation_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: rotate by 90 degrees clockwise
    source = Image.new("RGB", (40, 20), "red")
    source.paste("blue", (0, 0, 20, 20))
    loaded = images.load_image(encode(source, "JPEG", exif=exif, quality=95))
    assert loaded.size == (20, 40)
    assert loaded.getpixel((10, 5))[2] > 200  # the left half is now on top


def test_transparency_becomes_white():
    rgba = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    rgba.paste((255, 0, 0, 255), (0, 0, 4, 8))
    palette = rgba.convert("P")
    palette.info["transparency"] = palette.getpixel((7, 0))
    for data in (
        encode(rgba),
        encode(rgba, "WEBP", lossless=True),
        encode(palette),
        encode(rgba.convert("LA")),
    ):
        loaded = images.load_image(data)
        assert loaded.mode == "RGB"
        assert loaded.getpixel((7, 0)) == (255, 255, 255)
        assert loaded.getpixel((0, 0)) != (255, 255, 255)


@pytest.mark.parametrize("kind", ["uint16 PNG", "uint16 TIFF", "int32 TIFF", "float TIFF"])
def test_deep_gray_keeps_its_shades(kind: str):
    dtype, container = kind.split()
    scale = 65535 if dtype != "float" else 255
    pixels = (gradient() * scale).astype({"uint16": np.uint16, "int32": np.int32, "float": np.float32}[dtype])
    loaded = images.load_image(encode(Image.fromarray(pixels), container))
    np.testing.assert_allclose(np.asarray(loaded)[..., 0], gradient() * 255, atol=1)


def test_cmyk_palette_and_one_bit_look_as_they_should():
    red = Image.new("RGB", (8, 8), (255, 0, 0))
    for data in (
        encode(red.convert("CMYK"), "JPEG"),
        encode(red.convert("P")),
        encode(red.quantize(4), "GIF"),
    ):
        assert np.abs(np.asarray(images.load_image(data), int)[0, 0] - (255, 0, 0)).max() < 5
    assert images.load_image(encode(Image.new("1", (8, 8), 1))).getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_of_an_animation_the_first_frame_counts(kind: str):
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:])
    pixel = images.load_image(data).getpixel((4, 4))
    assert pixel[0] > 200 > 50 > pixel[2]


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


def huge_png(side: int) -> bytes:
    """A tiny file that claims and holds side x side one-bit pixels."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(bytes(side // 8 + 1)) for _ in range(side)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


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


def test_photos_are_listed_by_name_without_hidden_files(tmp_path: Path):
    for name in ("b.JPG", "a.png", ".DS_Store", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()
    assert [path.name for path in images.list_photos(tmp_path)] == ["a.png", "b.JPG", "notes.txt"]
    with pytest.raises(UserError, match=r"the folder .*none is missing: make it"):
        images.list_photos(tmp_path / "none")


def test_a_row_keeps_the_files_own_bytes(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = save_photo(Path("data/a.png"))
    row = images.photo_row(path)
    assert row["image"] == {"bytes": path.read_bytes(), "path": "a.png"}
    assert row["source"] == "data/a.png"
    assert len(row["sha256"]) == 64


def test_hashes_see_the_picture_not_the_file(tmp_path: Path):
    png, bmp = save_photo(tmp_path / "a.png"), save_photo(tmp_path / "a.bmp")
    other = save_photo(tmp_path / "b.png", color=1)
    same, copy, different = (images.load_image(path) for path in (png, bmp, other))
    assert images.pixel_sha256(same) == images.pixel_sha256(copy) != images.pixel_sha256(different)
    assert images.pixel_sha256(Image.new("RGB", (2, 8))) != images.pixel_sha256(Image.new("RGB", (8, 2)))


@pytest.mark.skipif(not REAL_PHOTOS.is_dir(), reason="needs the shared camera photos")
def test_the_perceptual_hash_survives_saving_again_and_separates_photos():
    photos = [images.load_image(path) for path in sorted(REAL_PHOTOS.glob("*/00.jpg"))]
    hashes = [images.difference_hash(photo) for photo in photos]
    for photo, known in zip(photos, hashes, strict=True):
        smaller = images.load_image(encode(photo.resize((200, 200)), "JPEG", quality=60))
        assert (images.difference_hash(smaller) ^ known).bit_count() <= 2
    assert min((a ^ b).bit_count() for i, a in enumerate(hashes) for b in hashes[:i]) > 6


def test_a_tiff_that_lies_about_its_size_is_refused():
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    data = encode(Image.new("L", (8, 8)), "TIFF", tiffinfo=tags).replace(
        struct.pack("<HHII", 256, 4, 1, 8), struct.pack("<HHII", 256, 4, 1, 80)
    )
    with pytest.raises(UserError, match="truncated or damaged"):
        images.load_image(data)


def swapped_profile() -> bytes:
    """A color profile whose red is sRGB's green."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    parts = {b"rXYZ": b"gXYZ", b"gXYZ": b"rXYZ", "sRGB".encode("utf-16-be"): "mine".encode("utf-16-be")}
    return re.sub(b"|".join(map(re.escape, parts)), lambda found: parts[found[0]], srgb)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_colors_are_converted_to_srgb(kind: str):
    red = Image.new("RGB", (16, 16), (250, 0, 0))
    loaded = images.load_image(encode(red, kind, icc_profile=swapped_profile(), quality=95))
    assert loaded.getpixel((8, 8))[1] > 240 and max(loaded.getpixel((8, 8))[::2]) < 12
    half = red.convert("RGBA")
    half.paste((0, 0, 0, 0), (0, 0, 8, 16))
    if kind in {"PNG", "WEBP"}:
        loaded = images.load_image(encode(half, kind, icc_profile=swapped_profile(), lossless=True))
        assert loaded.getpixel((0, 0)) == (255, 255, 255) and loaded.getpixel((12, 8))[1] > 240


@pytest.mark.parametrize("profile", [None, b"nonsense" * 20, "sRGB"])
def test_without_a_usable_profile_numbers_stay(profile: bytes | str | None):
    if profile == "sRGB":
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8))
    assert images.load_image(encode(image, icc_profile=profile)).tobytes() == image.tobytes()


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


def test_deep_gray_takes_little_more_memory_than_its_pixels():
    """In a process of its own: the peak above what the imports take, in bytes per pixel."""
    lines = """
        import io, resource
        import numpy as np
        from PIL import Image
        from common.core import images
        file = io.BytesIO()
        Image.fromarray(np.arange(2000 * 2000, dtype=np.uint16).reshape(2000, 2000)).save(file, "PNG")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        images.load_image(file.getvalue())
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / 2000 / 2000)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(lines)], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert float(done.stdout) < 16


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


def test_leftovers_of_systems_are_passed_over(tmp_path: Path):
    photo = save_photo(tmp_path / "a.png")
    for name in ("Thumbs.db", "desktop.ini", "Desktop.ini", ".DS_Store", "._a.png", "Icon\r"):
        (tmp_path / name).write_bytes(b"left")
    assert images.list_photos(tmp_path) == [photo]
