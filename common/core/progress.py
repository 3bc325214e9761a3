"""What a stage says while it works: sentences, progress bars and the closing line, on standard error only.

Nothing here ever reaches an output file, so times may be shown. Names of files and texts of others that are
quoted in a sentence may hold sequences that move a terminal's cursor: they are made harmless here.
"""

import sys
import unicodedata
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm

from common.core import log

SECONDS_BETWEEN_LINES = 60  # in a log
UNKNOWN = "\ufffd"  # stands for what is no text
SHOWN = 200  # letters of others' words in a sentence of ours


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


def plain(text: str) -> str:
    """The text without control and format characters and surrogates, but for line breaks and tabs."""
    return "".join(
        UNKNOWN if unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\n\t" else letter
        for letter in text
        if unicodedata.category(letter) != "Cf" or letter in "\u200c\u200d"
    )


def printable(text: object, longest: int = SHOWN) -> str:
    """Words of others for a sentence: on one line, short, without control characters that move a terminal."""
    shown = " ".join(plain(str(text)[: 2 * longest]).split())
    return shown if len(shown) <= longest else f"{shown[:longest]}…"


def say(sentence: str) -> None:
    """Print a sentence, whose names of files and quoted words move no terminal."""
    print(plain(sentence), file=sys.stderr, flush=True)


def closing(stage: str, summary: str, seconds: float) -> None:
    """Print a stage's last line: `retrieve: 12 subjects, 1,146 hard negatives in 3.2 s`."""
    log.ended(f"all of {stage}", seconds)
    say(f"{stage}: {summary} in {seconds:,.1f} s")
