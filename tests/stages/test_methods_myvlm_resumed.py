"""A fitting of MyVLM that ends amid its work goes on there, with the bytes of an unbroken one."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from common import methods, vlm
from common.clip import Clip
from common.core import paths
from common.methods.interface import Backbones, MethodSubject
from common.methods.myvlm import heads, learn
from common.training.checkpoint import Checkpoint
from tests.support import tiny
from tests.support.blip2 import blip2
from tests.support.myvlm_helpers import fitted_files, shortened, write_tables
from tests.support.vlm_helpers import SHAPES, noise_images

SUBJECTS = [MethodSubject("bo", "pet"), MethodSubject("ana", "person")]
GOES_ON = "training goes on after step"
BEFORE_QFORMER = {"norm": "mean", "penalty": "received", "steps": 5, "checkpoints": 2}


@pytest.fixture
def backbones(base: vlm.Base, clip_folder: Path, tmp_path: Path, monkeypatch: Any) -> Backbones:
    """What both subjects are learned with; their tables are written."""
    monkeypatch.chdir(tmp_path)
    for number, subject in enumerate(SUBJECTS):
        files = [tmp_path / f"{subject.id}-{photo}.png" for photo in range(4)]
        for file, picture in zip(files, noise_images(8, SHAPES)[4 * number :], strict=False):
            picture.save(file)
        write_tables(subject, files)
    clip = Clip(str(clip_folder), None, "cpu")
    return Backbones(lambda: base, lambda: clip, 0, 3)  # no step's views fill a batch


def fit(section: dict, backbones: Backbones) -> dict[Path, bytes]:
    """Fit both subjects to an empty folder, as DVC leaves it, and return what is in it then."""
    shutil.rmtree(paths.FITTED, ignore_errors=True)
    methods.prepare("myvlm", {"myvlm": section}, backbones).fit(SUBJECTS)
    return fitted_files()


def interrupt(section: dict, backbones: Backbones, saves: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """End a fitting right after it has kept for the so manieth time where it stands."""
    usual, left = Checkpoint.save, iter(range(saves)[::-1])

    def save(checkpoint: Checkpoint, state: dict[str, Any]) -> None:
        usual(checkpoint, state)
        if not next(left):
            raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Checkpoint, "save", save)
        fit(section, backbones)


@pytest.mark.parametrize(
    ("saves", "heard"),  # of a subject: its head, and its vector after 2, 4 and 5 steps
    [
        (3, ["bo: training goes on after step 4"]),
        (6, ["bo: training goes on after step 5", "ana: training goes on after step 2"]),
    ],
)
def test_an_interrupted_fitting_goes_on_with_the_same_bytes(
    saves: int, heard: list[str], backbones: Backbones, monkeypatch: Any, capsys: Any
) -> None:
    section = shortened("vqa")
    unbroken = fit(section, backbones)
    assert GOES_ON not in capsys.readouterr().err
    assert not list(paths.CHECKPOINTS.glob("*"))
    interrupt(section, backbones, saves, monkeypatch)
    assert fit(section, backbones) == unbroken
    said = capsys.readouterr().err
    assert said.count(GOES_ON) == len(heard) and all(line in said for line in heard)
    assert not list(paths.CHECKPOINTS.glob("*"))


def test_with_blip2_in_the_base_s_place(
    backbones: Backbones, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    captioner = {"model": str(blip2(tmp_path / "blip2")), "revision": None, "dtype": "float32"}
    section = shortened(captioner=captioner)
    section["embedding"] |= BEFORE_QFORMER
    unbroken = fit(section, backbones)
    interrupt(section, backbones, 2, monkeypatch)
    assert fit(section, backbones) == unbroken
    assert "bo: training goes on after step 2" in capsys.readouterr().err


def test_nothing_is_done_again_and_nothing_goes_on_from_another_fitting(
    backbones: Backbones, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    section = shortened()
    done: list[str] = []
    for module, name in ((heads, "train"), (learn, "losses")):
        usual = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args, f=usual, n=name: done.append(n) or f(*args))
    interrupt(section, backbones, 3, monkeypatch)
    assert done == ["train", *["losses"] * 4]
    (left,) = paths.CHECKPOINTS.iterdir()
    kept = left.read_bytes()
    fit(section, backbones)
    assert done[5:] == ["losses", "train", *["losses"] * 5] and GOES_ON in capsys.readouterr().err

    clip = Clip(str(tiny.clip(tmp_path / "clip", seed=1)), None, "cpu")
    for changed, others in (
        (section | {"instruction": "What is {identifier}?"}, backbones),
        (section, replace(backbones, seed=1)),
        (section, replace(backbones, clip=lambda: clip)),
    ):
        left.write_bytes(kept)
        fit(changed, others)
    write_tables(SUBJECTS[0], sorted(tmp_path.glob("ana-*.png")))
    left.write_bytes(kept)
    fit(section, backbones)
    assert GOES_ON not in capsys.readouterr().err
