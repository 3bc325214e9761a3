"""What a stage says while it works: progress bars and the closing line, on standard error only.

Nothing here ever reaches an output file, so times may be shown.
"""

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm

from common.core import log

SECONDS_BETWEEN_LINES = 60  # in a log


class Log:
    """A file for bars where nothing can be drawn over: each state of a bar is a line of its own."""

    def write(self, text: str) -> None:
        """Print what is to be seen of a state; what only moves the cursor or clears a line is left out."""
        if shown := text.strip():
            print(shown, file=sys.stderr, flush=True)

    def flush(self) -> None:
        """Every line is flushed already."""


class Bar(tqdm):
    """A bar whose work is a phase for the log of developers (see `log`)."""

    def close(self) -> None:
        """Take the bar from the terminal; log what it counted, the first time."""
        if not self.disable:
            log.ended(f"{self.desc} ({self.n:,})", self.format_dict["elapsed"])
        super().close()


def bar(work: Iterable[Any] | int, desc: str) -> Bar:
    """A progress bar over an iterable, or over a number of steps that the caller counts with `.update()`.

    On a terminal it is drawn. In a log there is a line a minute, and none of what takes less.
    """
    options = {"total": work} if isinstance(work, int) else {"iterable": work}
    if sys.stderr.isatty():
        return Bar(**options, desc=desc, file=sys.stderr, dynamic_ncols=True, leave=False)
    pause = SECONDS_BETWEEN_LINES
    sparse = {"mininterval": pause, "maxinterval": pause, "delay": pause}
    return Bar(**options, desc=desc, file=Log(), ascii=True, ncols=80, leave=False, **sparse)


def closing(stage: str, summary: str, seconds: float) -> None:
    """Print a stage's last line: `retrieve: 12 subjects, 1,146 hard negatives in 3.2 s`."""
    log.ended(f"all of {stage}", seconds)
    print(f"{stage}: {summary} in {seconds:,.1f} s", file=sys.stderr, flush=True)
