"""User mistakes as one clear sentence, and the wrapper that every stage's `__main__` runs under.

Owns what a person sees when a stage ends, well or badly. Does not own progress inside a stage (`progress`).
"""

import errno
import inspect
import sys
import time
from collections.abc import Callable

from stages.core import progress

DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class UserError(Exception):
    """Something the user can mend. The message names the file and the remedy, without a traceback."""


def write_error(path: object, error: OSError) -> UserError:
    """Turn a failed write of `path` into a sentence with its remedy."""
    if error.errno in DISK_FULL:
        remedy = "the disk is full: free some space and run the command again"
    else:
        remedy = f"{error.strerror or error}: make the folder writable and run the command again"
    return UserError(f"cannot write {path}: {remedy}")


def run(main: Callable[..., str]) -> None:
    """Run the `main` of a stage or a command with the command line's words and end the process.

    `main` returns what it made ("12 subjects, 1,146 hard negatives"), which becomes the closing line. A
    `UserError` and a GPU without memory left are printed as one line and end with exit code 1; anything else
    is a defect of ours and keeps its traceback.
    """
    package = main.__globals__["__package__"]
    started = time.monotonic()
    try:
        summary = main(*_arguments(package, main))
    except UserError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        if error.errno in DISK_FULL:
            sys.exit(f"error: {write_error(error.filename or 'a file', error)}")
        raise
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError":  # torch's: importing it here would take seconds
            raise
        sys.exit(
            "error: the device's memory does not hold the model and so many samples at once: lower "
            "base.batch_size in params.yaml, or choose another base.dtype or base.model"
        )
    except KeyboardInterrupt:
        sys.exit(130)
    progress.closing(package.rpartition(".")[2], summary, time.monotonic() - started)


def _arguments(package: str, main: Callable[..., str]) -> list[str]:
    """The command line's words; `--help` prints what the stage's `__main__` says of itself."""
    words, wanted = sys.argv[1:], inspect.signature(main)
    parameters = list(wanted.parameters.values())
    # such a main has a help of its own
    reads_itself = bool(parameters) and parameters[0].kind is inspect.Parameter.VAR_POSITIONAL
    if words in (["--help"], ["-h"]) and not reads_itself:
        print(main.__globals__["__doc__"])
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
