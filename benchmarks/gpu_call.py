"""A call of limited time: begins nothing that would not end, survives what fails, and writes what it did.

Its file has an entry for each part, from the moment that the part ends: when it began and how long it took,
why it failed or why it was left out, and what it found. A call that is killed keeps what is there.
"""

import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from common.core import io

T = TypeVar("T")


class Call:
    """One call.

    Attributes:
        out: folder of all its files.
        parts: entries of the file, by the part's name.

    """

    def __init__(self, out: Path, name: str, about: dict[str, Any], limit: float, started: float) -> None:
        """Begin.

        Args:
            out: folder of all files.
            name: of the call's own file, without its ending.
            about: what the file says beside the parts.
            limit: seconds from the start to the end.
            started: when it was, in seconds of `time.time`; before Python's imports, which count too.

        """
        self.out, self.parts = out, dict[str, dict[str, Any]]()
        self._file, self._about = out / f"{name}.json", about | {"limit": limit}
        self._limit, self._started = limit, started

    @property
    def past(self) -> float:
        """Seconds since the start."""
        return time.time() - self._started

    def take(self, part: str, needs: float, work: Callable[[], T]) -> T | None:
        """Do a part if there is time for it; None if there is not, or if it fails."""
        began, made = self.past, None
        self.parts[part] = {"began": round(began, 1)}
        if began + needs > self._limit:
            left = max(0.0, self._limit - began)
            self.note(part, left_out=f"may take {needs:.0f} s, {left:.0f} s were left")
            return None
        try:
            made = work()
        except Exception as error:
            traceback.print_exc()
            self.note(part, failed=f"{type(error).__name__}: {error}")
        self.note(part, seconds=round(self.past - began, 2))
        return made

    def note(self, part: str, **numbers: Any) -> None:
        """Add to a part's entry."""
        print(
            f"[{self.past:6.1f} s] {part}:", *(f"{key} {value}" for key, value in numbers.items()), flush=True
        )
        self.parts[part] |= numbers
        io.write_json(self._file, self._about | {"parts": self.parts})

    def named(self, key: str) -> list[str]:
        """The parts whose entry has this key: ``failed``, ``left_out``."""
        return [part for part, entry in self.parts.items() if key in entry]
