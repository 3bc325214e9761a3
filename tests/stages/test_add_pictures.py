"""Which pictures add takes for photos, what of them it keeps, and which are one and the same."""

import re
from pathlib import Path

import pytest
from PIL import Image

from common.core import images, paths
from tests.support.add_helpers import (
    BO,
    HEIC,
    PHOTOS,
    _photos,  # noqa: F401  (a fixture)
    added,
    draw,
    pixels,
)
from tests.support.helpers import REAL_PHOTOS
from tests.support.pictures import swapped_profile


def test_a_model_that_cuts_photos_is_named():
    processor = paths.BASE / "clip/preprocessor_config.json"
    processor.parent.mkdir(parents=True)
    processor.write_text('{"do_center_crop": true}')
    Image.open(PHOTOS / "0.png").resize((90, 60)).save(PHOTOS / "0.png")
    said = "base.clip.model, models/base/clip, sees no more than the middle square: have the subject there"
    assert f"warning: of 1 of 8 photos, {said}\n" in added("my-dog", str(PHOTOS), "--kind", "pet")


def test_what_a_decoder_says_in_several_lines_is_one():
    (PHOTOS / "cut.heic").write_bytes(HEIC[:-40])
    said = [line for line in added("my-dog", str(PHOTOS), "--kind", "pet").splitlines() if "cut.heic" in line]
    assert len(said) == 1 and said[0].endswith("): copy the original photo again")


def test_copies_are_upright_pixels_in_a_common_format_and_tell_nothing():
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Secret Camera"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    folder = Path("phone/Bo at home")
    folder.mkdir(parents=True)
    half = Image.new("RGB", (60, 30), "blue")  # lying on its side, as cameras save what was held upright
    half.paste(Image.open(PHOTOS / "0.png").resize((30, 30)))
    half.save(folder / "a.jpg", exif=exif, comment=b"Secret note", icc_profile=b"Secret profile" * 20)
    (folder / "b.HEIC").write_bytes(HEIC)
    draw(folder / "c.webp", 3, exif=exif)
    draw(folder / "d.gif", 4, comment=b"Secret note")
    draw(folder / "e.tiff", 5)
    draw(folder / "f.png", 6, exif=exif, icc_profile=b"Secret profile" * 20)
    assert "left out" not in added("my-dog", str(folder), "--kind", "pet")

    copies = [path for split in ("train", "test") for path in images.list_photos(BO / split)]
    assert sorted(path.suffix for path in copies) == [".jpg", ".jpg", ".png", ".png", ".png", ".webp"]
    assert all(re.fullmatch(r"\d\d\.\w+", path.name) for path in copies)
    assert not any(b"Secret" in path.read_bytes() for path in copies)
    assert not any(Image.open(path).getexif() for path in copies)
    jpegs = {image.size: image for image in map(Image.open, copies) if image.format == "JPEG"}
    assert set(jpegs) == {(30, 60), (64, 32)}
    for image, blue in ((jpegs[30, 60], (15, 50)), (jpegs[64, 32], (60, 16))):
        red, _, more_blue = image.getpixel(blue)
        assert more_blue > 150 > red


def test_what_is_no_photo_or_a_copy_is_left_out_and_named():
    (PHOTOS / "notes.txt").write_text("my dog")
    (PHOTOS / "cut.png").write_bytes((PHOTOS / "0.png").read_bytes()[:200])
    (PHOTOS / ".hidden").write_text("")
    (PHOTOS / "more").mkdir()
    Image.open(PHOTOS / "1.png").save(PHOTOS / "1 (copy).bmp")
    Image.open(PHOTOS / "2.png").resize((45, 45)).save(PHOTOS / "2-small.jpg")
    draw(Path("data/subjects/mia/test/x.png"), 3)
    said = added("my-dog", "photos", "--kind", "pet")
    left_out = [line for line in said.splitlines() if line.startswith("left out: ")]
    assert len(left_out) == 6
    assert any("photos/notes.txt is not an image that can be read" in line for line in left_out)
    assert any("photos/cut.png is truncated or damaged" in line for line in left_out)
    assert "left out: photos/more is a folder: its photos are not read" in left_out
    assert (
        "left out: photos/3.png is the same picture as data/subjects/mia/test/x.png, which is another" in said
    )
    assert any(re.search(r"photos/1.* is the same picture as photos/1", line) for line in left_out)
    assert "left out: photos/2-small.jpg looks like a copy of photos/2.png" in left_out
    assert len(pixels(BO / "train")) == 5 and len(pixels(BO / "test")) == 2


@pytest.mark.skipif(not REAL_PHOTOS.is_dir(), reason="needs the shared camera photos")
def test_camera_photos_are_told_apart():
    said = added("my-dog", str(REAL_PHOTOS / "dog2"), "--kind", "pet")
    assert "left out" not in said and "5 photos to learn from and 1 to test with" in said


def test_of_near_copies_the_one_with_most_pixels_is_kept():
    for number in range(8):
        with Image.open(PHOTOS / f"{number}.png") as photo:
            photo.resize((24, 24)).save(PHOTOS / f"{number}_thumb.jpg", quality=50)
            photo.resize((300, 300)).save(PHOTOS / f"large-{number}.jpg", quality=95)
    said = added("my-dog", "photos", "--kind", "pet")
    copies = [path for split in ("train", "test") for path in images.list_photos(BO / split)]
    assert {Image.open(path).size for path in copies} == {(300, 300)} and len(copies) == 8
    assert said.count("looks like a copy of photos/large-") == 16


def test_different_things_on_plain_ground_are_different_photos():
    """The hash compares light with the neighbor's and cannot tell a red ball from a blue one."""
    folder = Path("plain")
    folder.mkdir()
    for number, color in enumerate(("red", "blue", "green", "orange", "purple", "black")):
        photo = Image.new("RGB", (200, 200), "white")
        photo.paste(color, (70, 70, 130, 130))
        photo.save(folder / f"{number}.png")
    assert "left out" not in added("balls", "plain", "--kind", "object")


def test_colors_of_a_phone_are_converted_before_the_profile_goes():
    folder = Path("phone")
    folder.mkdir()
    for number in range(4):
        photo = Image.open(PHOTOS / f"{number}.png").convert("RGB")
        photo.paste((250, 0, 0), (0, 0, 20, 20))
        photo.save(folder / f"{number}.jpg", quality=95, icc_profile=swapped_profile())
    added("my-dog", "phone", "--kind", "pet")
    for path in images.list_photos(BO / "train"):
        assert Image.open(path).getpixel((10, 10))[1] > 230  # the profile's red is green
        assert "icc_profile" not in Image.open(path).info
