"""Disks of their own for attempts that need one: small, in memory, and mounted anew with other options."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

ROOM = 2**30  # bytes of a disk


def may_mount() -> bool:
    """Whether this process may make the disks that some attempts need."""
    try:
        with mounted():
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


@contextmanager
def mounted() -> Iterator[Path]:
    """A disk of its own, in memory."""
    with TemporaryDirectory() as name:
        place = Path(name)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", name], check=True)
        try:
            yield place
        finally:
            subprocess.run(["umount", "--lazy", name], check=True)


def remount(options: str, place: Path) -> None:
    """Mount such a disk anew, with other options."""
    subprocess.run(["mount", "-o", f"remount,{options}", place], check=True)
