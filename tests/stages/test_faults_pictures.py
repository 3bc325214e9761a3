"""Pictures as cameras, phones and programs write them, and what else lies in folders, by the commands."""

import os
import re
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from common.core.images import load_image
from tests.stages.test_add import draw
from tests.support.helpers import ROOT, run_stage, set_params

PHOTOS = Path("photos")
ADDED = Path("data/subjects/my-dog")
FAULTS = ROOT.parent / "shared/faults/display-p3"  # not part of the repository
# Display P3 to linear sRGB, by the primaries of SMPTE EG 432-1 and BT.709; both have sRGB's curve
P3 = np.array([[1.2249, -0.2247, 0.0], [-0.0420, 1.0419, 0.0], [-0.0197, -0.0786, 1.0979]])
TURNS: dict[int, Callable[[Image.Image], Image.Image]] = {
    1: lambda photo: photo,
    2: ImageOps.mirror,
    3: lambda photo: photo.transpose(Image.Transpose.ROTATE_180),
    4: ImageOps.flip,
    5: lambda photo: photo.transpose(Image.Transpose.TRANSPOSE),
    6: lambda photo: photo.transpose(Image.Transpose.ROTATE_270),
    7: lambda photo: photo.transpose(Image.Transpose.TRANSVERSE),
    8: lambda photo: photo.transpose(Image.Transpose.ROTATE_90),
}


@pytest.fixture(autouse=True)
def in_workspace(workspace: Path) -> None:
    """All tests run in a folder of their own."""


def patches(number: int, width: int = 140, height: int = 80) -> Image.Image:
    colors = np.random.default_rng(number).integers(20, 236, (6, 6, 3), np.uint8)
    return Image.fromarray(colors).resize((width, height), Image.Resampling.BICUBIC)


def added(*words: str) -> str:
    done = run_stage("add", "my-dog", str(PHOTOS), "--kind", "pet", *words)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr and "Warning" not in done.stderr
    return done.stderr


def copies() -> list[Image.Image]:
    """What add has made of the photos."""
    return [load_image(path) for path in sorted(ADDED.rglob("*.*"))]


def difference(one: Image.Image, other: Image.Image) -> float:
    """Mean of absolute differences, of 255."""
    assert one.size == other.size
    return float(np.abs(np.asarray(one, float) - np.asarray(other, float)).mean())


def nearest(photo: Image.Image, others: list[Image.Image]) -> float:
    return min(difference(photo, other) for other in others if other.size == photo.size)


def display_p3() -> bytes:
    """A profile of Display P3: littleCMS's sRGB with the other primaries, adapted to D50."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = bytearray(srgb.replace("sRGB".encode("utf-16-be"), "P3 3".encode("utf-16-be")))
    for tag, xyz in {
        b"rXYZ": (0.51512, 0.24120, -0.00105),
        b"gXYZ": (0.29198, 0.69225, 0.04189),
        b"bXYZ": (0.15710, 0.06657, 0.78407),
    }.items():
        (at,) = struct.unpack(">I", profile[profile.index(tag) + 4 : profile.index(tag) + 8])
        profile[at + 8 : at + 20] = struct.pack(">3i", *(round(value * 65536) for value in xyz))
    return bytes(profile)


def by_formula(photo: Image.Image) -> Image.Image:
    """A photo in Display P3 as sRGB, without a color engine."""
    coded = np.asarray(photo, float) / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4) @ P3.T
    linear = linear.clip(0, 1)
    coded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return Image.fromarray((255 * coded).round().astype(np.uint8))


@pytest.mark.parametrize(
    ("form", "within"), [("PNG", 0.6), ("JPEG", 3), ("WEBP", 3), ("AVIF", 3), ("TIFF", 0.6)]
)
def test_display_p3_is_converted_in_every_format(form: str, within: float):
    """The tolerance of formats that lose something is that of their own two savings."""
    PHOTOS.mkdir()
    photos = [patches(number) for number in range(3)]
    for number, photo in enumerate(photos):
        options = {} if form in {"PNG", "TIFF"} else {"quality": 95}
        photo.save(PHOTOS / f"{number}.{form.lower()}", form, icc_profile=display_p3(), **options)
    added()
    for photo in photos:
        assert nearest(by_formula(photo), copies()) < within < nearest(photo, copies())
    for path in ADDED.rglob("*.*"):
        assert "icc_profile" not in Image.open(path).info


@pytest.mark.skipif(not FAULTS.is_dir(), reason="needs photos that are not part of the repository")
def test_a_phones_photos_have_the_colors_that_they_should():
    """The small truth was made with a bicubic filter; with any other one, the filters differ by 2."""
    PHOTOS.mkdir()
    for path in (FAULTS / "photos").iterdir():
        (PHOTOS / path.name).write_bytes(path.read_bytes())
    added()
    truth = load_image(FAULTS / "truth-0-small.png")
    small = [photo.resize(truth.size, Image.Resampling.BICUBIC) for photo in copies()]
    assert nearest(truth, small) < 1


def test_every_orientation_is_upright_in_every_format():
    PHOTOS.mkdir()
    wanted = []
    for at, (turn, upright) in enumerate(TURNS.items()):
        for number, form in enumerate(("JPEG", "PNG", "WEBP", "TIFF", "AVIF")):
            photo, exif = patches(10 * at + number), Image.Exif()
            exif[0x0112] = turn
            photo.save(
                PHOTOS / f"{turn}.{form.lower()}",
                form,
                exif=exif,
                **({} if form == "PNG" else {"quality": 95}),
            )
            wanted.append(upright(photo))
    added("--test", "0.5")
    assert len(copies()) == len(wanted)
    assert all(nearest(photo, copies()) < 4 for photo in wanted)


GRAY = np.asarray(patches(0).convert("L"))
DEEP = {  # name → what it holds, and the shades that are expected
    "shares.tif": (GRAY.astype(np.float32) / 255, GRAY),
    "floats.tif": (GRAY.astype(np.float32), GRAY),
    "infinite.tif": (
        np.where(GRAY < 30, -np.inf, GRAY / 255).astype(np.float32),
        np.where(GRAY < 30, 0, GRAY),
    ),
    "16 bits.png": (GRAY.astype(np.uint16) * 257, GRAY),
    "32 bits.tif": (GRAY.astype(np.int32) * 2**22, GRAY * (255 / GRAY.max())),  # the brightest pixel is white
}


@pytest.mark.parametrize("name", DEEP)
def test_gray_of_any_depth_keeps_its_shades(name: str):
    PHOTOS.mkdir()
    for number in (1, 2):
        draw(PHOTOS / f"{number}.png", number)
    values, expected = DEEP[name]
    Image.fromarray(values).save(PHOTOS / name)
    added()
    (shades,) = (np.asarray(photo.convert("L"), float) for photo in copies() if photo.size == (140, 80))
    assert np.abs(shades - expected).max() <= 1


def test_add_names_whatever_it_leaves_out():
    """Links that lead nowhere or in a circle, pipes and devices are no photos, and nobody waits for them."""
    for number in range(3):
        draw(PHOTOS / f"{number}.png", number)
    for name, leads in {
        "nowhere.jpg": "gone.jpg",
        "circle.jpg": "circle.jpg",
        "device.jpg": "/dev/zero",
    }.items():
        (PHOTOS / name).symlink_to(leads)
    os.mkfifo(PHOTOS / "pipe.jpg")
    (PHOTOS / "two\nlines\x1b[2J.jpg").write_bytes(b"no photo")
    (PHOTOS / "folder.jpg").mkdir()
    said = added()
    for name, why in {
        "nowhere.jpg": "cannot be opened",
        "circle.jpg": "cannot be opened",
        "device.jpg": "is not a file",
        "pipe.jpg": "is not a file",
        "two lines\ufffd[2J.jpg": "is not an image",
        "folder.jpg": "is a folder",
    }.items():
        assert re.search(rf"^left out: photos/{re.escape(name)} {why}", said, re.MULTILINE), said
    assert said.count("left out: ") == 6


def test_check_refuses_what_is_no_photo_by_name():
    for number in range(6):
        draw(Path(f"data/subjects/bo/{'test' if number > 4 else 'train'}/{number}.png"), number)
    set_params({"subjects": {"bo": {"kind": "pet"}}})
    Path("models").symlink_to(ROOT / "models")
    os.mkfifo("data/subjects/bo/train/pipe.jpg")
    Path("data/subjects/bo/train/nowhere.jpg").symlink_to("gone.jpg")
    done = run_stage("check")
    assert done.returncode == 1 and done.stderr.count("\n") == 2
    assert "nowhere.jpg cannot be opened" in done.stderr and "pipe.jpg is not a file" in done.stderr


def test_what_dvc_does_not_hash_is_said_to_be_so(tiny_llava: Path):
    for number in range(6):
        draw(Path(f"data/subjects/bo/{'test' if number > 4 else 'train'}/{number}.png"), number)
    set_params({"subjects": {"bo": {"kind": "pet"}}, "base.vlm.model": str(tiny_llava)})
    Path("models").symlink_to(ROOT / "models")
    done = run_stage("check")
    assert done.returncode == 0, done.stderr
    assert f"base.vlm.model is {tiny_llava}, which DVC does not hash" in done.stderr
    assert done.stderr.count("does not hash") == 1
