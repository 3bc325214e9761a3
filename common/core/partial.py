"""What is being written: a hidden neighbor of the real name, which one process has at a time.

Who ends removes it; what SIGKILL left in a folder of the pipeline, the next writer there removes.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from common.core import paths
from common.core.errors import UserError

PATTERN = ".*.partial"
TRIES, PAUSE_S = 5, 0.02  # for a lock, and between them
OWN = {paths.DATA.parts, paths.SUBJECT_MODELS.parts[:1], paths.REPORTS.parts}  # folders of the pipeline


@contextmanager
def owned(partial: Path, opened: Callable[[], int], path: Path) -> Iterator[int]:
    """The file or folder `partial`, which no other process has meanwhile; it is gone after the body.

    A lock ends with its process, so that nobody waits for one that was killed. A first writer may have moved
    `partial` to its place between our opening and our locking it: then there is a new one to open.
    """
    while True:
        handle = opened()
        try:
            if not _locked(handle):
                raise UserError(
                    f"another process is writing {path}: wait until it is done and run the command again"
                )
            if not _is_at(handle, partial):
                continue
            try:
                remove_left(partial.parent, ours=partial)
                yield handle
            finally:
                if _is_at(handle, partial):  # it was not moved to its place, which is the good case
                    remove(partial)
            return
        finally:
            os.close(handle)


def remove_left(folder: Path, ours: Path | None = None) -> None:
    """Remove what killed writers left in a folder of the pipeline, but for `ours`; nobody has it locked."""
    if folder.is_absolute() or folder.parts[:1] not in OWN:
        return  # another program's files may be called so, too
    for path in set(folder.glob(PATTERN)) - {ours}:
        with suppress(OSError):
            handle = os.open(path, os.O_RDONLY)
            try:
                if _locked(handle, tries=1):
                    remove(path)
            finally:
                os.close(handle)


def _locked(handle: int, tries: int = TRIES) -> bool:
    """Whether the lock is ours now; who only looks whether a file was left has it for a moment."""
    for _ in range(tries):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(PAUSE_S)
    return False


def _is_at(handle: int, path: Path) -> bool:
    """Whether what was opened is what stands there now."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def remove(path: Path) -> None:
    """Remove a file or a folder; what cannot be removed stays."""
    with suppress(OSError):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
