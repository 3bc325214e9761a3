"""A training that is killed goes on after its last epoch with the bits of an unbroken one, or begins anew."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from common.core import paths
from stages.train.__main__ import main
from tests.support import tiny
from tests.support.helpers import ROOT, set_params
from tests.support.train_helpers import KILLED, prepare, rows, write_dataset

GOES_ON = "training goes on after epoch"


@pytest.fixture
def dataset(workspace: Path, tiny_llava: Path) -> Path:
    path = prepare(tiny_llava)
    set_params({"threads": 1, "train.keep_epochs": True})
    return path


def kill_after(saves: int, *subjects: str) -> None:
    """Train, and end by SIGKILL after so many epochs were saved."""
    killed = subprocess.run(
        [sys.executable, "-c", KILLED.format(stage="train"), str(saves), *subjects],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not paths.SUBJECT_MODELS.exists() and not paths.TRAIN_CURVES.exists()


def outputs() -> dict[str, bytes]:
    folders = (paths.SUBJECT_MODELS, paths.TRAIN_CURVES)
    files = (path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.as_posix(): path.read_bytes() for path in files}


def trained(*subjects: str) -> dict[str, bytes]:
    """What an unbroken training writes, which leaves nothing else."""
    main(*subjects)
    made = outputs()
    forget()
    assert not list(paths.CHECKPOINTS.glob("*"))
    return made


def forget() -> None:
    for folder in (paths.SUBJECT_MODELS, paths.TRAIN_CURVES):
        shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    "subjects", [("bo",), ("bo", "mam")]
)  # mam has fewer samples: its epochs end earlier
def test_a_killed_training_goes_on_with_the_same_bytes(
    subjects: tuple[str, ...], dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    set_params({"subjects": {"bo": {"kind": "pet"}, "mam": {"kind": "pet"}}})
    fewer = [*rows()[:2], *rows()[5:]]
    write_dataset([row | {"question": row["question"].replace("<bo>", "<mam>")} for row in fewer], "mam")
    set_params({"train.batch_size": 2})
    unbroken = trained(*subjects)
    assert GOES_ON not in capsys.readouterr().err
    kill_after(2, *subjects)
    main(*subjects)
    assert f"{subjects[0]}: {GOES_ON}" in capsys.readouterr().err
    assert outputs() == unbroken
    assert not list(paths.CHECKPOINTS.glob("*"))


@pytest.mark.slow
def test_nobody_goes_on_with_other_settings_data_or_base(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kill_after(2, "bo")
    state = paths.checkpoint("bo").read_bytes()
    other = tiny.llava(tmp_path / "other", seed=1)
    changes: list[tuple[dict[str, Any], list[dict[str, Any]], bytes]] = [
        ({"train.learning_rate": 0.03}, rows(), state),
        ({"seed": 1}, rows(), state),
        ({}, rows()[1:], state),
        ({"base.vlm.model": str(other)}, rows(), state),
        ({}, rows(), state[:-100]),
    ]
    before = Path("params.yaml").read_text()
    for settings, data, left in changes:
        Path("params.yaml").write_text(before)
        set_params(settings)
        write_dataset(data)
        expected = trained("bo")
        paths.checkpoint("bo").write_bytes(left)
        assert trained("bo") == expected, settings
        assert GOES_ON not in capsys.readouterr().err
    Path("params.yaml").write_text(before)
    write_dataset(rows())
    paths.checkpoint("bo").write_bytes(state)
    main("bo")
    assert f"bo: {GOES_ON} 2" in capsys.readouterr().err  # it was one that could have been gone on with
