"""What a stage or a command that is told to end, or killed, leaves behind: nothing that lasts."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from common.core import io
from tests.support.helpers import ROOT, hear_signals, run_stage, save_photo, set_params

ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
LEFT = Path("data/.world.partial")


@pytest.fixture(autouse=True)
def in_workspace(workspace: Path) -> None:
    """All tests run in a folder of their own."""


def stopped(number: int) -> subprocess.CompletedProcess[str]:
    """Render, which gets the signal once it has written some of many pictures."""
    set_params({"world.corpus": 3000})
    running = subprocess.Popen(
        [sys.executable, "-m", "stages.render"],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=hear_signals,
    )
    while not list(LEFT.rglob("*.png")):
        assert running.poll() is None, running.communicate()
        time.sleep(0.01)
    running.send_signal(number)
    said, _ = running.communicate(timeout=60)
    return subprocess.CompletedProcess(running.args, running.returncode, said)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_who_is_told_to_end_takes_back_what_is_half_written(number: int):
    done = stopped(number)
    assert (done.returncode, done.stdout) == (128 + number, "")
    assert not list(Path("data").iterdir())


def test_what_a_kill_leaves_goes_with_the_next_command_that_writes_there():
    done = stopped(signal.SIGKILL)
    assert done.returncode == -signal.SIGKILL and LEFT.is_dir()
    (theirs := Path("out/.download.partial")).parent.mkdir()
    theirs.write_bytes(b"of another program")
    Path("models").symlink_to(ROOT / "models")
    checked = run_stage("check")
    assert checked.returncode == 0, checked.stderr
    assert [path.name for path in Path("data").iterdir()] == ["checked.txt"]
    assert theirs.exists()


def test_photos_of_an_add_that_was_killed_do_not_stay():
    """They are private, and DVC would take them for a change of the subjects."""
    for number in range(3):
        save_photo(Path(f"photos/{number}.png"), 80 * number)
    left = save_photo(Path("data/subjects/.my-cat.partial/train/00.png"))
    added = run_stage("add", "my-dog", "photos", "--kind", "pet")
    assert added.returncode == 0, added.stderr
    assert not left.exists() and Path("data/subjects/my-dog/train/00.png").is_file()


def test_what_another_process_is_writing_is_no_leftover():
    """Two runs of a stage at once, of which the first to end tidies its folder."""
    folder = Path("data/dataset")
    with io.atomic(folder / "bo.parquet") as file:
        io.keep_only(folder, [])
        file.write(b"whole")
    assert (folder / "bo.parquet").read_bytes() == b"whole"
    (folder / ".rex.parquet.partial").touch()
    io.keep_only(folder, [folder / "bo.parquet"])
    assert [path.name for path in folder.iterdir()] == ["bo.parquet"]
