import compileall
import os
import shutil
import signal
import subprocess
import sys
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from common.core.errors import UserError, run
from tests.support.helpers import ROOT

MEMORY = (
    "error: the device's memory does not hold the model and so many samples at once: "
    "lower base.device.batch_size in params.yaml, or choose another base.vlm.dtype or base.vlm.model"
)
STAGE = """'''What it does.'''
import torch
from common.core.errors import UserError, run
__package__ = "stages.some"
def main(word: str, *more: str) -> str:
    if word == "mistake": raise UserError("x.png is empty: copy it again")
    if word == "defect": raise RuntimeError("ours")
    if word == "memory": raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")
    if word == "interrupt": raise KeyboardInterrupt
    return "3 things"
run(main)
"""


@pytest.mark.parametrize(
    ("word", "code", "said"),
    [
        ("fine", 0, "some: 3 things in 0.0 s\n"),
        ("mistake", 1, "error: x.png is empty: copy it again\n"),
        ("memory", 1, f"{MEMORY}\n"),
        ("interrupt", 130, ""),
        (None, 1, "error: usage: python -m stages.some WORD [MORE ...]\n"),
    ],
)
def test_a_stage_ends_with_one_line(word: str | None, code: int, said: str):
    done = subprocess.run(
        [sys.executable, "-c", STAGE, *([word] if word else [])], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr, done.stdout) == (code, said, "")


WAITING = """
import sys, time
from common.core.errors import run
__package__ = "stages.some"
def main() -> str:
    print("ready", flush=True)
    time.sleep(60)
    return ""
run(main)
"""
STARTS = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[1]]).wait()"


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells a process that its parent is gone")
def test_a_stage_ends_with_the_dvc_that_started_it():
    started = subprocess.Popen(
        [sys.executable, "-c", STARTS, WAITING],
        cwd=ROOT,
        env=os.environ | {"DVC_STAGE": "some"},
        stdout=subprocess.PIPE,
    )
    assert started.stdout.readline() == b"ready\n"
    started.kill()
    started.communicate(timeout=30)  # the pipe closes when the stage, which has it too, has ended


def test_help_is_what_the_module_says_of_itself():
    done = subprocess.run([sys.executable, "-c", STAGE, "--help"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "What it does.\n")


def test_a_python_without_the_packages_is_told_where_they_are():
    words = [sys.executable, "-S", "-m", "stages.check"]  # -S: without site-packages
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == (
        f"error: {sys.executable} lacks the packages: run `make setup`, then `source .venv/bin/activate`\n"
    )


def test_a_compiled_file_that_a_full_disk_has_torn_is_a_sentence(tmp_path: Path):
    shutil.copytree(ROOT / "common", tmp_path / "common", ignore=shutil.ignore_patterns("__pycache__"))
    compileall.compile_dir(tmp_path / "common", quiet=1)
    torn = Path(cache_from_source(tmp_path / "common/core/errors.py"))
    torn.write_bytes(torn.read_bytes()[:100])
    words = [sys.executable, "-c", "import common.core.errors"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: a compiled file of Python's is torn")


def test_ctrl_c_while_importing_shows_nothing():
    # a shell's background job, as this test may be one, is deaf to it
    code = "import os, signal; signal.signal(signal.SIGINT, signal.default_int_handler); import common; "
    code += "os.kill(os.getpid(), signal.SIGINT)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


@pytest.mark.parametrize(("end", "shown"), [("SystemExit(143)", False), ("OSError()", True)])
def test_an_end_that_a_lazy_import_made_an_error_of_shows_nothing(end: str, shown: bool):
    code = f"import common\ntry:\n    raise {end}\nexcept BaseException as e:\n    raise ImportError from e"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and ("Traceback" in done.stderr) is shown


def test_a_defect_of_ours_keeps_its_traceback(monkeypatch):
    def main() -> str:
        raise RuntimeError("ours")

    monkeypatch.setattr(sys, "argv", ["stage"])
    with pytest.raises(RuntimeError, match="ours"):
        run(main)


def test_user_errors_are_not_caught_as_value_errors():
    assert not issubclass(UserError, (ValueError, OSError))
