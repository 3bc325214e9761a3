"""A LoRA training that is killed goes on after its last epoch, with the bits of an unbroken one."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from common.core import paths
from stages.fit_baseline.__main__ import main as fit
from tests.support.helpers import ROOT, set_params
from tests.support.lora_subjects import files, prepare
from tests.support.train_helpers import KILLED

GOES_ON = "training goes on after epoch"


@pytest.mark.slow
@pytest.mark.parametrize(("method", "saves"), [("lora", 1), ("lora", 5), ("lora_all", 2)])
def test_a_killed_training_goes_on_with_the_same_bytes(
    method: str,
    saves: int,
    workspace: Path,
    tiny_llava: Path,
    clip_folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Also where a first subject is learned whole, for DVC removes its adapter with the rest."""
    prepare(tiny_llava, clip_folder)
    set_params({"threads": 1, f"methods.{method}.epochs": 4})
    fit(method)
    unbroken = files(paths.fitted(method))
    assert GOES_ON not in capsys.readouterr().err
    assert not list(paths.CHECKPOINTS.glob("*"))
    shutil.rmtree(paths.fitted(method))

    killed = subprocess.run(
        [sys.executable, "-c", KILLED.format(stage="fit_baseline"), str(saves), method],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    shutil.rmtree(paths.fitted(method), ignore_errors=True)
    left = {path: path.read_bytes() for path in paths.CHECKPOINTS.iterdir()}
    for other in ({"base.vlm.system": "Be brief."}, {"base.vlm.image_size": 24}):
        before = Path("params.yaml").read_text()
        set_params(other)
        fit(method)
        assert GOES_ON not in capsys.readouterr().err
        Path("params.yaml").write_text(before)
        for path, state in left.items():
            path.write_bytes(state)
    shutil.rmtree(paths.fitted(method))
    fit(method)
    assert GOES_ON in capsys.readouterr().err
    assert files(paths.fitted(method)) == unbroken
    assert not list(paths.CHECKPOINTS.glob("*"))
