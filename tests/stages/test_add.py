"""`python -m commands.add ID FOLDER --kind KIND`: a folder becomes a subject, or nothing changes."""

import base64
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.core import images, params, paths
from tests.support.helpers import REAL_PHOTOS, ROOT, run_stage, set_params
from tests.unit.test_core_images import swapped_profile

PHOTOS = Path("photos")
BO = Path("data/subjects/my-dog")
# 64 x 32, red on the left and blue on the right
HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAX1tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAACJp"
    "bG9jAAAAAERAAAEAAQAAAAABoQABAAAAAAAAACUAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABodmMxAAAAAA5waXRtAAAAAAAB"
    "AAAA/WlwcnAAAADdaXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEA"
    "AQAqQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29scm5jbHgAAQANAAaAAAAA"
    "FGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xhcAAAAEAAAAABAAAAIAAAAAEAAAAAAAAAAv///+AAAAACAAAAEHBpeGkAAAAAAwgICAAAABhp"
    "cG1hAAAAAAAAAAEAAQWBAgMFhAAAAC1tZGF0AAAAISgBrxmA70mlv//ihh/5rWv+v7IX//LxJ34ken/W5ENtbw=="
)


def draw(path: Path, number: int, side: int = 60, **options: object) -> Path:
    """Save a picture of large patches, as unlike that of every other number as two photos are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(number)
    patches = random.integers(20, 236, (6, 6, 1)) + random.integers(-20, 20, (6, 6, 3))
    Image.fromarray(patches.astype(np.uint8)).resize((side, side), Image.Resampling.BICUBIC).save(
        path, **options
    )
    return path


@pytest.fixture(autouse=True)
def _photos(workspace: Path):
    for number in range(8):
        draw(PHOTOS / f"{number}.png", number)


def added(*words: str) -> str:
    """What add prints when it succeeds."""
    done = run_stage("add", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


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


def refused(*words: str) -> str:
    """The last line of a refusal, which changes nothing."""
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    done = run_stage("add", *words)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before
    return done.stderr.splitlines()[-1]


def pixels(folder: Path) -> set[str]:
    return {images.pixel_sha256(images.load_image(path)) for path in images.list_photos(folder)}


def test_photos_are_split_placed_and_named_in_params():
    before = paths.PARAMS.read_text()
    said = added("my-dog", "photos", "--kind", "pet")
    assert "add: my-dog, 5 photos to learn from and 3 to test with in " in said
    assert (
        "Next: look through data/subjects/my-dog, run `make repro`, then `python -m commands.chat my-dog"
        in said
    )
    assert len(pixels(BO / "train")) == 5 and len(pixels(BO / "test")) == 3
    assert pixels(BO / "train") | pixels(BO / "test") == pixels(PHOTOS)
    assert paths.PARAMS.read_text() == before.rstrip("\n") + "\n  my-dog: {kind: pet}\n"
    assert params.load().subject("my-dog").source == "own"
    assert not list(Path().rglob("*.partial"))
    for folder in ("llava", "clip"):
        (paths.BASE / folder).mkdir(parents=True)
    assert "8 own photos are fit to run" in run_stage("check").stderr


def test_the_split_follows_seed_and_pixels_but_not_names():
    added("my-dog", "photos", "--kind", "pet")
    first = pixels(BO / "test")
    names = [f"z{number}.bmp" for number in range(8)]
    random.Random(0).shuffle(names)
    for number, name in enumerate(names):
        Image.open(PHOTOS / f"{number}.png").save(draw(Path("renamed") / name, number))
    shutil.rmtree(BO)
    set_params({"-subjects.my-dog": None})
    added("rex", "renamed", "--kind", "pet")
    assert pixels(Path("data/subjects/rex/test")) == first
    shutil.rmtree("data/subjects/rex")
    set_params({"-subjects.rex": None, "seed": 1})
    added("rex", "renamed", "--kind", "pet")
    assert pixels(Path("data/subjects/rex/test")) != first


def test_a_share_for_the_test_and_few_photos():
    added("my-dog", "photos", "--kind", "pet", "--test", "0.5")
    assert len(pixels(BO / "test")) == 4
    for number in range(3):
        draw(Path("few") / f"{number}.png", 50 + number)
    added("cup", "few", "--kind", "object")
    assert len(pixels(Path("data/subjects/cup/train"))) == 2
    assert len(pixels(Path("data/subjects/cup/test"))) == 1


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


def test_mistakes_are_refused_and_change_nothing():
    kind = ("--kind", "pet")
    assert refused("My Dog", "photos", *kind).startswith(
        "error: params.yaml: subjects.My Dog is not a valid id"
    )
    assert refused("pad", "photos", *kind).startswith("error: params.yaml: subjects.pad cannot be named so")
    assert refused("bo", "photos", *kind) == (
        "error: params.yaml lists bo already: use another id, or remove the line"
    )
    assert refused("my-dog", "fotos", *kind) == (
        "error: the folder fotos is missing: make it and put the subject's photos there"
    )
    assert "argument --kind: invalid choice: 'dog'" in refused("my-dog", "photos", "--kind", "dog")
    assert "argument --test: 2 is not between 0 and 1" in refused("my-dog", "photos", *kind, "--test", "2")
    assert refused("my-dog", "photos").endswith("the following arguments are required: --kind")
    for number in range(2, 8):
        (PHOTOS / f"{number}.png").unlink()
    assert refused("my-dog", "photos", *kind).startswith(
        "error: photos holds 2 photos that can be used, and 3 is the least: add more"
    )
    draw(BO / "train/0.png", 90)
    assert refused("my-dog", "photos", *kind) == (
        "error: data/subjects/my-dog exists already: remove it, or use another id"
    )
    paths.PARAMS.write_text("seed: [\n")
    assert "is not valid YAML" in refused("rex", "photos", *kind)
    paths.PARAMS.unlink()
    assert "params.yaml is missing: run the command from the repository's top" in refused(
        "rex", "photos", *kind
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "subjects:  # who\n  bo: {kind: pet}   # mine\n\n# end\n",
            "subjects:  # who\n  bo: {kind: pet}   # mine\n  '9': {kind: pet}\n\n# end\n",
        ),
        (
            "subjects:\n    bo:\n        kind:   pet  # mine\n# end",
            "subjects:\n    bo:\n        kind:   pet  # mine\n    '9': {kind: pet}\n# end",
        ),
        (
            "subjects: {bo: {kind: pet}}  # mine\n",
            "subjects: {bo: {kind: pet}, '9': {kind: pet}}  # mine\n",
        ),
        ("subjects:  # none yet\n", "subjects:  # none yet\n  '9': {kind: pet}\n"),
        ("subjects: {}", "subjects: {'9': {kind: pet}}"),
        (
            "subjects:\r\n  bo: {kind: pet}\r\n",
            "subjects:\r\n  bo: {kind: pet}\r\n  '9': {kind: pet}\r\n",
        ),
    ],
)
def test_a_line_is_all_that_changes_in_params(before: str, after: str):
    """Whatever the layout; an id that YAML would take for a number is quoted."""
    head = (ROOT / "params.yaml").read_text().partition("\nsubjects:")[0] + "\n"
    if "\r\n" in before:
        head = head.replace("\n", "\r\n")
    paths.PARAMS.write_bytes((head + before).encode())
    added("9", "photos", "--kind", "pet")
    assert paths.PARAMS.read_bytes().decode() == head + after
    assert params.load().subject("9").kind == "pet"


def test_a_kill_leaves_nothing_visible_and_the_command_runs_again():
    for number in range(40):
        draw(PHOTOS / f"many{number}.png", 100 + number, side=1000)
    before = paths.PARAMS.read_bytes()
    command = [sys.executable, "-m", "commands.add", "my-dog", "photos", "--kind", "pet"]
    process = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL)
    partial = BO.with_name(".my-dog.partial")
    while not list(partial.glob("*/*")):
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not BO.exists()
    assert paths.PARAMS.read_bytes() == before
    assert "left out" not in added("my-dog", "photos", "--kind", "pet")
    assert len(pixels(BO / "train")) + len(pixels(BO / "test")) == 48
    assert not partial.exists()


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


def test_two_at_once_are_both_added():
    for number in range(4):
        draw(Path("others") / f"{number}.png", 60 + number)
    command = [sys.executable, "-m", "commands.add"]
    words = (("my-dog", "photos", "--kind", "pet"), ("cup", "others", "--kind", "object"))
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    both = [
        subprocess.Popen([*command, *each], env=environment, stderr=subprocess.PIPE, text=True)
        for each in words
    ]
    for process, each in zip(both, words, strict=True):
        if process.wait():  # it met the other at the very same moment, and says so
            assert "another process is writing params.yaml: wait" in process.stderr.read()
            added(*each)
    kinds = {name: subject.kind for name, subject in params.load().subjects.items()}
    assert kinds["my-dog"] == "pet" and kinds["cup"] == "object"


def test_hidden_photos_stay_hidden():
    for path in PHOTOS.iterdir():
        path.chmod(0o600)
    added("my-dog", "photos", "--kind", "pet")
    assert {path.stat().st_mode & 0o777 for path in BO.rglob("*.png")} == {0o600}
