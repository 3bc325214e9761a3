"""Photos that are for their owner alone: whatever is made of them is, too.

The copies of `commands.add` have each photo's own mode, whatever is said here.
"""

import os
from pathlib import Path

from common.core import paths

OTHERS = 0o077  # the rights of anybody but the owner


def begin() -> None:
    """Let this process and its children make nothing that others may read, if a photo of the user's is so."""
    if is_wanted():
        os.umask(OTHERS)


def is_wanted() -> bool:
    """Whether one of the user's photos may be read by its owner alone."""
    return any(_is_hidden(path) for path in paths.OWN_SUBJECTS.glob("[!.]*/*/*"))


def warning() -> str | None:
    """A sentence where DVC's cache, whose files have modes of their own, lies open to others."""
    if not is_wanted() or _is_hidden(Path.cwd()):
        return None
    return (
        "your photos may be read by you alone, but not what DVC keeps of them in its cache: "
        "run `chmod 700 .` in the repository's top folder"
    )


def _is_hidden(path: Path) -> bool:
    try:
        return not path.stat().st_mode & OTHERS
    except OSError:  # a link that leads nowhere
        return False
