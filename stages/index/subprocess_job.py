"""A seed system's own process: started with a job file, watched, and ended with all that it started.

Owns the process group, the deadline, the watch over the disk, and the sentence for what went wrong. Does not
own what the job is.
"""

import errno
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL
from types import MappingProxyType

from common.core import paths, progress
from common.core.errors import DISK_FULL, UserError, write_error

ROOM = 2**20  # bytes; with less left on the disk, img2dataset does not fail: it waits for ever
ROOT = Path(__file__).resolve().parents[2]


def run(
    name: str,
    module: str,
    work: Path,
    deadline_s: float,
    total: int,
    done: Callable[[], int],
    environment: Mapping[str, str] = MappingProxyType({}),
) -> bool:
    """Run `python -m module work/job.json`; whether it finished before the deadline.

    `done` counts what is finished of `total`. Raises UserError, which names the program `name`, when the
    process fails or the disk is full.
    """
    with (work / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module, str(work / "job.json")],
            stdin=subprocess.PIPE,  # held open: its end tells the job that this process is gone
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=os.environ | _environment() | environment,
        )
    try:
        return _watch(process, name, time.monotonic() + deadline_s, total, done, work)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, SIGKILL)
        process.wait()
        process.stdin.close()


def end_with_parent() -> None:
    """To be called in a thread of the job: end its whole process group when the stage is gone."""
    os.read(0, 1)  # returns when the stage closes the pipe or dies
    os.killpg(os.getpgrp(), SIGKILL)


def _environment() -> dict[str, str]:
    direct = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    return {
        "NO_ALBUMENTATIONS_UPDATE": "1",  # or an import of img2dataset asks the web for its version
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        "no_proxy": ",".join(filter(None, ["127.0.0.1", direct])),
    }


def _watch(
    process: subprocess.Popen, name: str, end: float, total: int, done: Callable[[], int], work: Path
) -> bool:
    with progress.bar(total, name) as bar:
        while process.poll() is None and time.monotonic() < end:
            time.sleep(0.1)
            if shutil.disk_usage(work).free < ROOM:
                raise write_error(paths.INDEX, OSError(errno.ENOSPC, ""))
            with suppress(ValueError):  # a file that is being written
                bar.update(done() - bar.n)
    if process.returncode:
        raise failure(f"{name} stopped with exit code {process.returncode}", work)
    return process.returncode == 0


def failure(what: str, work: Path) -> UserError:
    """Why a job failed, as far as its log tells."""
    lines = (work / "log.txt").read_text(errors="replace").split("\n")
    told = next((line for line in reversed(lines) if "rror" in line), "its log names no error")
    words = progress.printable(told)
    full = any(os.strerror(code) in words for code in DISK_FULL)
    remedy = "the disk is full: free some space and" if full else "mend that and"
    return UserError(f"{what} ({words}): {remedy} run the command again")
