"""`python -m commands.add ID FOLDER --kind KIND`: a folder becomes a subject, or nothing changes."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from common.core import params, paths
from tests.support.add_helpers import (
    BO,
    PHOTOS,
    _photos,  # noqa: F401  (a fixture)
    added,
    draw,
    pixels,
    refused,
)
from tests.support.helpers import ROOT, run_stage, set_params


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


def test_what_one_calls_it_stands_in_its_line():
    added("my-dog", "photos", "--kind", "pet", "--noun", "guide dog")
    assert paths.PARAMS.read_text().endswith("\n  my-dog: {kind: pet, noun: guide dog}\n")
    found = params.load()
    assert (found.subject("my-dog").category, found.subject("bo").category) == ("guide dog", "pet")
    assert "subjects.rex.noun is ''" in refused("rex", "photos", "--kind", "pet", "--noun", "")


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
    for number in range(1, 8):
        (PHOTOS / f"{number}.png").unlink()
    assert refused("my-dog", "photos", *kind).startswith(
        "error: of the photos in photos 1 can be used, and 2 are needed: add more"
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
