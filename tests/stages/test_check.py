"""The check stage through the command a user runs, on real files."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from common.core import paths
from tests.support.check_helpers import (
    REX,
    _rex,  # noqa: F401  (a fixture)
    accepted,
    refusal,
)
from tests.support.helpers import REAL_PHOTOS, save_photo, set_params
from tests.support.pictures import huge_png


def test_a_sound_workspace_passes_and_leaves_a_constant_receipt():
    assert "check: params.yaml, 3 subjects and 12 own photos are fit to run in " in accepted()
    receipt = paths.CHECKED.read_bytes()
    save_photo(REX / "train/more.png", 200)
    accepted()
    assert paths.CHECKED.read_bytes() == receipt


def test_unusual_images_pass():
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = Image.open(REX / "train/0.png")
    photo.rotate(20).save(REX / "train/rotated.jpg", exif=exif)
    photo.rotate(40).convert("CMYK").save(REX / "train/cmyk.jpg")
    photo.rotate(60).convert("P").save(REX / "train/palette.png")
    photo.rotate(80).convert("RGBA").save(REX / "train/rgba.webp")
    photo.rotate(90).save(REX / "train/animated.gif", save_all=True, append_images=[photo.rotate(100)])
    Image.fromarray(np.linspace(0, 65535, 1200).reshape(30, 40).astype(np.uint16)).save(
        REX / "train/deep.png"
    )
    assert "18 own photos" in accepted()


def test_unreadable_files_are_all_named_at_once():
    whole = (REX / "train/0.png").read_bytes()
    bad = {
        "cut.png": (whole[: len(whole) * 3 // 4], "is truncated or damaged"),
        "empty.jpg": (b"", "is empty (0 bytes): copy the original photo again"),
        "invoice.jpg": (b"%PDF-1.4\n...", "is a PDF document: export the page as JPEG or PNG"),
        "iphone.heic": (
            b"\0\0\0\x18ftypheic",
            "is a video, or a HEIC photo of a kind that is not known: export it as JPEG",
        ),
        "notes.txt": (b"my dog", "is not an image that can be read: use JPEG, PNG or WebP"),
        "bomb.png": (huge_png(30_000), "more than the 80,000,000 allowed: scale it down"),
    }
    for name, (data, _) in bad.items():
        (REX / "train" / name).write_bytes(data)
    (REX / "train/more").mkdir()
    sentences = refusal()
    assert len(sentences) == len(bad) + 1
    for name, (_, reason) in bad.items():
        assert any(s.startswith(f"{REX}/train/{name} ") and reason in s for s in sentences), name
    assert f"{REX}/train/more is a folder: move its photos up into {REX}/train" in sentences


def test_too_few_photos_are_refused_and_few_are_mentioned():
    for number in (2, 3, 4):
        (REX / f"train/{number}.png").unlink()
    (REX / "train/1.png").unlink()
    assert f"warning: {REX}/train holds 1 photo: 5 or more work better\n" in accepted()
    paths.CHECKED.unlink()
    (REX / "train/0.png").unlink()
    (REX / "test/0.png").unlink()
    assert refusal() == [
        f"{REX}/train holds no photos: put at least 1 there",
        f"{REX}/test holds no photos: put at least 1 there",
    ]


def test_a_missing_folder_is_named():
    shutil.rmtree(REX)
    assert refusal() == [
        f"the folder {REX}/{split} is missing: make it and put the subject's photos there"
        for split in ("train", "test")
    ]


def test_the_same_picture_twice_is_named_with_its_reason():
    shutil.copy(REX / "train/0.png", REX / "train/copy.png")  # the same file
    Image.open(REX / "train/1.png").save(REX / "test/other.bmp")  # the same pixels in another file
    shutil.copy(REX / "train/2.png", "data/subjects/mia/test/x.png")
    assert refusal() == [
        f"{REX}/train/0.png and {REX}/train/copy.png are the same picture, which counts once: remove one",
        f"{REX}/train/1.png and {REX}/test/other.bmp are the same picture, so the test would ask what "
        "training has shown: keep it in one of the two folders",
        f"{REX}/train/2.png and data/subjects/mia/test/x.png are the same picture, but belong to two "
        "subjects, rex and mia: keep it in one",
    ]


def test_questions_and_look_alikes_are_read_too():
    """What evaluate alone will open, hours later, is looked at now; both are optional."""
    truth = REX / "truth"
    save_photo(truth / "lookalikes/one/0.png", 210)
    question = {
        "image": "0.png",
        "question": "What is <rex> next to?",
        "options": ["ball", "tree"],
        "answer": 1,
    }
    (truth / "questions.json").write_text(json.dumps({"visual": [question], "text": []}))
    (truth / "question.json").write_text("{}")
    said = accepted()
    assert "3 subjects and 13 own photos are fit to run" in said
    assert (
        f"warning: {truth}/question.json is not used: {truth} may hold questions.json, captions.json, look"
        in said
    )
    paths.CHECKED.unlink()

    shutil.copy(REX / "train/1.png", truth / "lookalikes/one/1.png")
    save_photo(truth / "lookalikes/two/2.png", 220).write_bytes(b"")
    (truth / "questions.json").write_text(json.dumps({"visual": [question | {"image": "7.png"}]}))
    wrong = "but a look-alike is somebody else, of one group: keep it in one of the folders"
    assert refusal() == [
        f"{truth}/lookalikes/two/2.png is empty (0 bytes): copy the original photo again",
        f'{truth}/questions.json: "What is <rex> next to?" is about 7.png, which is not in {REX}/test: '
        "name one of its photos",
        f"{REX}/train/1.png and {truth}/lookalikes/one/1.png are the same picture, {wrong}",
    ]


def test_a_description_is_read_too():
    (REX / "description.txt").write_text("a dog")
    accepted()
    paths.CHECKED.unlink()
    (REX / "description.txt").write_bytes(b" \n")
    Path("data/subjects/mia/description.txt").write_bytes(b"caf\xe9")
    sentences = refusal()
    assert sentences[0] == f"{REX}/description.txt is empty: write something, or remove it"
    assert "mia/description.txt cannot be read as text" in sentences[1] and len(sentences) == 2


def test_facts_are_read_too():
    (REX / "facts.yaml").write_text("captions: {0.png: <rex> sleeps.}")
    accepted()
    paths.CHECKED.unlink()
    (REX / "facts.yaml").write_text("captions: {none.png: <rex> sleeps.}")
    assert refusal() == [f"{REX}/facts.yaml has a caption for none.png, which is no train photo: mend it"]


def test_captions_of_test_photos_are_read_too():
    (REX / "truth").mkdir(exist_ok=True)
    (REX / "truth/captions.json").write_text('{"0.png": ["<rex> sleeps.", "sks on a rug"]}')
    assert "is not used" not in accepted()
    paths.CHECKED.unlink()
    (REX / "truth/captions.json").write_text('{"0.png": ["<bo> sleeps."]}')
    (sentence,) = refusal()
    assert sentence.startswith(f"{REX}/truth/captions.json: <bo> is unknown, for this is about <rex>")


def test_a_folder_without_a_line_is_mentioned():
    save_photo(Path("data/subjects/tom/train/0.png"), 250)
    assert "data/subjects/tom is not used: add `tom: {kind: …}` to subjects in params.yaml" in accepted()


@pytest.mark.skipif(not REAL_PHOTOS.is_dir(), reason="needs the shared camera photos")
def test_camera_photos_pass():
    for subject in ("rex", "mia"):
        shutil.rmtree(f"data/subjects/{subject}")
    for subject, photos in (("rex", "dog"), ("mia", "cat")):
        files = sorted((REAL_PHOTOS / photos).glob("*.jpg"))
        for split, chosen in (("train", files[:-1]), ("test", files[-1:])):
            folder = Path("data/subjects", subject, split)
            folder.mkdir(parents=True)
            for file in chosen:
                shutil.copy(file, folder)
    assert "are fit to run" in accepted()


def test_a_linked_folder_is_refused_for_its_changes_would_go_unnoticed():
    for name in ("data/subjects/rex", "data/subjects/mia/train"):
        shutil.move(name, "elsewhere-" + Path(name).name)
        Path(name).symlink_to(Path("elsewhere-" + Path(name).name).resolve())
    assert refusal() == [
        f"{name} is a link to a folder, and changes in it would go unnoticed: put the folder there"
        for name in ("data/subjects/rex", "data/subjects/mia/train")
    ]


def test_a_name_that_is_no_utf8_is_refused_in_print():
    shutil.copy(REX / "train/0.png", os.fsencode(REX / "train") + b"/caf\xe9.png")
    save_photo(REX / "train/0.png", 77)
    assert refusal() == [
        f"{REX}/train/caf\\udce9.png: the name is not UTF-8, which tables cannot hold: rename it"
    ]


def test_drawings_as_the_only_negatives_of_own_photos_are_named(tmp_path: Path):
    assert "warning: negatives of rex, mia are drawings" in accepted()
    set_params({"index.source": "folder", "index.location": str(tmp_path), "index.serve": None})
    assert "are drawings" not in accepted()


def test_a_model_that_cuts_photos_is_named():
    processor = {"image_processor": {"do_center_crop": True}}
    (paths.BASE / "clip/processor_config.json").write_text(json.dumps(processor))
    (paths.BASE / "llava/processor_config.json").write_text(json.dumps(processor))
    (paths.BASE / "llava/config.json").write_text('{"model_type": "llava"}')  # is given padded squares
    said = "base.clip.model, models/base/clip, sees no more than the middle square: have the subject there"
    assert f"warning: of 12 of 12 photos, {said}\n" in accepted()
    (paths.BASE / "clip/processor_config.json").write_text("[" * 10_000)  # who loads it says so
    assert "middle square" not in accepted()
    processor["image_processor"]["do_center_crop"] = False
    (paths.BASE / "clip/processor_config.json").write_text(json.dumps(processor))
    assert "middle square" not in accepted()


def test_leftovers_of_systems_do_no_harm():
    for name in ("Thumbs.db", "desktop.ini", ".DS_Store"):
        (REX / "train" / name).write_bytes(b"left")
    (REX / "train/__MACOSX").mkdir()
    accepted()
