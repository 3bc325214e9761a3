"""User mistakes as one clear sentence, and the wrapper that every stage's `__main__` runs under."""

import ctypes
import errno
import inspect
import os
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from common.core import log, private, progress

DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
REMEDIES = {
    errno.EACCES: "allow reading and writing there (`chmod`), or choose another place",
    errno.EPERM: "allow reading and writing there (`chmod`), or choose another place",
    errno.EROFS: "it lies on a disk that may only be read: choose another place",
    errno.ENAMETOOLONG: "shorten the name",
    errno.ELOOP: "its links lead in a circle: remove them",
    errno.ENOTDIR: "a part of the path is a file: mend the name",
    errno.EISDIR: "it is a folder: name a file",
    errno.EMFILE: "too many files are open: raise `ulimit -n`",
}
PR_SET_PDEATHSIG = 1  # of <linux/prctl.h>
LONGEST = 200  # letters of a path in a sentence


class UserError(Exception):
    """Something the user can mend. The message names the file and the remedy, without a traceback."""


def write_error(path: object, error: OSError) -> UserError:
    """Turn a failed write of `path` into a sentence with its remedy."""
    if error.errno in DISK_FULL:
        remedy = "the disk is full: free some space and run the command again"
    else:
        remedy = f"{error.strerror or error}: make the folder writable and run the command again"
    return UserError(f"cannot write {path}: {remedy}")


def file_error(path: object, error: OSError) -> UserError:
    """Turn what the system says of a file into a sentence with its remedy."""
    remedy = REMEDIES.get(error.errno or 0, "check that it is there and may be read")
    return UserError(f"{shown(path)}: {error.strerror or error}: {remedy}")


def shown(path: object) -> str:
    """A path as it can be printed: what is no text or would move the cursor is escaped, the middle cut."""
    text = os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else str(path)
    text = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]}…{text[-LONGEST // 2 :]}"


def run(main: Callable[..., str]) -> None:
    """Run the `main` of a stage or a command with the command line's words and end the process.

    `main` returns what it made ("12 subjects, 1,146 hard negatives"), which becomes the closing line. A
    `UserError`, a file that the system refuses and a GPU without memory left are printed as one line and end
    with exit code 1; anything else is a defect of ours and keeps its traceback. Who is told to end
    (SIGTERM, SIGHUP) takes back what is half-written first.
    """
    package = sys.modules[main.__module__].__package__ or ""
    started = time.monotonic()
    log.begin()
    private.begin()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # `nohup` has the second ignored
            signal.signal(number, _stop)
    if "DVC_STAGE" in os.environ:
        _end_with_parent()
    try:
        summary = main(*_arguments(package, main))
    except UserError as error:
        _refuse(error)
    except OSError as error:
        if error.errno in DISK_FULL:
            _refuse(write_error(error.filename or "a file", error))
        if error.filename is None:
            raise
        _refuse(file_error(error.filename, error))
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError":  # torch's: importing it here would take seconds
            raise
        _refuse(
            "the device's memory does not hold the model and so many samples at once: lower "
            "base.device.batch_size in params.yaml, or choose another base.vlm.dtype or base.vlm.model"
        )
    except KeyboardInterrupt:
        sys.exit(130)
    progress.closing(package.rpartition(".")[2], summary, time.monotonic() - started)


def _refuse(sentence: object) -> NoReturn:
    """End with 1 and the sentence, whose quoted words and names of files move no terminal."""
    sys.exit(progress.plain(f"error: {sentence}"))


def _stop(number: int, _: FrameType | None) -> NoReturn:
    """Unwind, so that writers remove their partial files; once, for a second signal would stop just that."""
    signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + number)


def _end_with_parent() -> None:
    """Ask Linux to stop this stage when the DVC that started it is gone, killed for example.

    Left alone it would go on, and overwrite what a later run has made.
    """
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it was gone before the request
        sys.exit(128 + signal.SIGTERM)


def _arguments(package: str, main: Callable[..., str]) -> list[str]:
    """The command line's words; `--help` prints what the stage's `__main__` says of itself."""
    words, wanted = sys.argv[1:], inspect.signature(main)
    parameters = list(wanted.parameters.values())
    # such a main has a help of its own
    reads_itself = bool(parameters) and parameters[0].kind is inspect.Parameter.VAR_POSITIONAL
    if words in (["--help"], ["-h"]) and not reads_itself:
        print(sys.modules[main.__module__].__doc__)
        sys.exit()
    try:
        wanted.bind(*words)
    except TypeError:
        usage = " ".join(
            f"[{one.name.upper()} ...]" if one.kind is one.VAR_POSITIONAL else one.name.upper()
            for one in parameters
        )
        raise UserError(f"usage: python -m {package} {usage}".rstrip()) from None
    return words
