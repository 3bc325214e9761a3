"""The index stage with a tiny CLIP: killed, and the processes that it leaves."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.forked import start_forked
from tests.support.helpers import set_params

AGENT = "personal-vlm/test (somebody@corpus.example)"


@pytest.fixture(autouse=True)
def _base_clip(workspace: Path, clip_folder: Path):
    set_params(
        {"base.clip.model": str(clip_folder), "index.timeout_s": 3, "index.retries": 0, "index.agent": AGENT}
        | {"index.allowed_hosts": "127.0.0.1"}
    )


def kill_when(condition: Callable[[], object]) -> None:
    """Run the stage and kill it as the kernel would."""
    killed, _ = start_forked("stages.index")
    try:
        wait(condition)
    finally:
        killed.kill()
        killed.join()


def processes_of(folder: Path) -> list[Path]:
    """The processes of img2dataset (itself, its logger, its workers) that run in this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended
            command, place = (process / "cmdline").read_bytes(), (process / "cwd").resolve()
            theirs = b"img2dataset_job" in command or b"multiprocessing" in command
            if place == folder and theirs and b"forkserver" not in command:  # which runs the stage itself
                found.append(process)
    return found


def wait(condition) -> None:
    end = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)
