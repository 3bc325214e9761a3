"""Adding and deleting subjects: owns what is asked of `commands.add`, and what is deleted."""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from commands.page.training import environment
from common.core import paths, subject_lines
from common.core.errors import UserError
from common.core.foreign import printable

ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


def add(subject: str, kind: str, noun: str, photos: Sequence[str]) -> list[str]:
    """Run `commands.add` on uploaded files, without a noun if that is empty; return what it says of photos
    that it left out.

    Raises UserError with its sentence if it refuses.
    """
    if not ID.fullmatch(subject):
        raise UserError(
            f"{printable(subject, 40)!r} cannot be an id: use up to 40 of a-z, 0-9 and -, as in my-dog"
        )
    if not photos:
        raise UserError("there are no photos yet: choose five or more of the subject")
    said_noun = [f"--noun={noun.strip()}"] if noun.strip() else []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "photos")
        folder.mkdir()
        for number, photo in enumerate(map(Path, photos)):
            name = photo.name if not (folder / photo.name).exists() else f"{number}-{photo.name}"
            shutil.copy(photo, folder / name)
        done = subprocess.run(
            [sys.executable, "-m", "commands.add", "--kind", kind, *said_noun, subject, str(folder)],
            capture_output=True,
            text=True,
            errors="replace",
            env=environment(),
        )
        said = done.stderr.replace(f"{folder}/", "").replace(str(folder), "the choice").splitlines()
    if done.returncode:
        raise UserError(printable(said[-1].rpartition("error: ")[2] if said else "nothing was added", 600))
    return [printable(line.removeprefix("left out: "), 300) for line in said if line.startswith("left out: ")]


def files_of(subject: str, source: str) -> list[Path]:
    """What is deleted with a subject: its own photos, what was made of them, and what was learned."""
    made = [
        paths.subject_model(subject),
        paths.train_curve(subject),
        paths.negatives(subject),
        paths.conversations(subject),
        paths.dataset(subject),
        paths.checkpoint(subject),  # of a training that was canceled
    ]
    photos = [paths.photos_dir(subject, source)] if source == "own" else []
    return [path for path in photos + made if path.exists()]


def delete(subject: str, source: str, load: Callable[[Path], Any]) -> None:
    """Take a subject out of params.yaml, then delete its files; errors as of `subject_lines.remove`."""
    subject_lines.remove(subject, load)
    for path in files_of(subject, source):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
