"""What developers want to know of a stage: time and peak memory of each of its phases, on standard error.

Asked for by ``--verbose`` after any stage or command, or by the environment variable PERSONAL_VLM_LOG, of any
value, which DVC passes on to the stages that it runs: ``PERSONAL_VLM_LOG=1 dvc repro``. Nothing of it reaches
an output file.
"""

import logging
import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLE = "PERSONAL_VLM_LOG"
OPTION = "--verbose"
PEAK_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes of what the system counts peak memory in

logger = logging.getLogger("personal_vlm")


def begin() -> None:
    """Write what is logged to standard error, if anybody asks for it; to be called once.

    The option is taken from the command line, which each command reads by itself, and handed to what the
    command starts.
    """
    if OPTION in sys.argv[1:]:
        sys.argv.remove(OPTION)
        os.environ[VARIABLE] = "1"
    if os.environ.get(VARIABLE):
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
        logger.propagate = False  # libraries change the root's handlers


@contextmanager
def phase(name: str) -> Iterator[None]:
    """Log how long the body took, if it ends well."""
    started = time.monotonic()
    yield
    ended(name, time.monotonic() - started)


def ended(name: str, seconds: float) -> None:
    """Log a phase that has ended, with the peak memory of the process so far."""
    if logger.isEnabledFor(logging.DEBUG):
        logger.debug("%s: %.1f s, %s", name, seconds, peak_memory())


def peak_memory() -> str:
    """The most memory that the process has held so far, and the most that torch has held on a GPU."""
    peaks = {"peak memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * PEAK_UNIT}
    torch = sys.modules.get("torch")  # importing it here would take seconds
    if torch is not None and torch.cuda.is_initialized():
        peaks["on the GPU"] = torch.cuda.max_memory_allocated()
    return ", ".join(f"{name} {size / 1e6:,.0f} MB" for name, size in peaks.items())
