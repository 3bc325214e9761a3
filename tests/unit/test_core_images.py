import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from common.core import images
from common.core.errors import UserError
from tests.support.helpers import REAL_PHOTOS, ROOT, save_photo
from tests.support.pictures import encode, swapped_profile


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


def test_leftovers_of_systems_are_passed_over(tmp_path: Path):
    photo = save_photo(tmp_path / "a.png")
    for name in ("Thumbs.db", "desktop.ini", "Desktop.ini", ".DS_Store", "._a.png", "Icon\r"):
        (tmp_path / name).write_bytes(b"left")
    assert images.list_photos(tmp_path) == [photo]
