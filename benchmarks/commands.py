"""Commands that benchmarks run, with our Python first."""

import os
import subprocess
import sys
from pathlib import Path

from common.core import errors


def dvc(*words: str, watched: bool = False) -> str:
    """Run DVC; see `run_command`."""
    return run_command(str(Path(sys.executable).with_name("dvc")), *words, watched=watched)


def run_command(*words: str, watched: bool = False) -> str:
    """Run a command; what it printed, or, where watched, nothing. Raises UserError if it fails."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    done = subprocess.run(
        words, text=True, stdout=None if watched else subprocess.PIPE, env=os.environ | {"PATH": path}
    )
    if done.returncode:
        command = " ".join((Path(words[0]).name, *words[1:4]))
        raise errors.UserError(f"`{command}` failed, see above: mend it and run this again")
    return done.stdout or ""
