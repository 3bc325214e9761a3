"""What a stage says while it works: progress bars and the closing line, on standard error only.

Nothing here ever reaches an output file, so times may be shown.
"""

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm


def bar(work: Iterable[Any] | int, desc: str) -> tqdm:
    """A progress bar over an iterable, or over a number of steps that the caller counts with `.update()`.

    Shown on terminals only, so that logs stay readable.
    """
    options = {"total": work} if isinstance(work, int) else {"iterable": work}
    return tqdm(**options, desc=desc, file=sys.stderr, disable=None, dynamic_ncols=True, leave=False)


def closing(stage: str, summary: str, seconds: float) -> None:
    """Print a stage's last line: `retrieve: 12 subjects, 1,146 hard negatives in 3.2 s`."""
    print(f"{stage}: {summary} in {seconds:,.1f} s", file=sys.stderr, flush=True)
