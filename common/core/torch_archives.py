"""Others' `.pt` and `.pth` files: read without running code in them."""

import zipfile
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from common.core.errors import UserError


def load(path: Path, missing: str, max_bytes: int, remedy: str) -> Any:
    """What an archive of torch.save's holds, on the CPU; nothing is executed.

    Raises UserError if the file is not there (`missing` says what to do), or, with `remedy`, if it has more
    than `max_bytes`, is damaged, or holds anything but numbers, texts and containers of these.
    """
    import torch

    _refuse_damaged(path, missing, max_bytes, remedy)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, ValueError, EOFError, OSError, LookupError, TypeError) as error:
        raise _damaged(path, type(error).__name__, remedy) from None


def _refuse_damaged(path: Path, missing: str, max_bytes: int, remedy: str) -> None:
    """Raise UserError unless this is an archive of torch.save's whose checksums hold."""
    if not path.is_file():
        raise UserError(f"{path} is missing: {missing}")
    if path.stat().st_size > max_bytes:
        raise UserError(f"{path} is larger than {max_bytes:,} bytes: {remedy}")
    try:
        with zipfile.ZipFile(path) as archive:
            packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist())
            if packed or archive.testzip():  # torch itself does not look at checksums
                raise _damaged(path, "its checksum is wrong", remedy)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, EOFError) as error:
        raise _damaged(path, type(error).__name__, remedy) from None


def _damaged(path: Path, reason: str, remedy: str) -> UserError:
    return UserError(f"{path} is damaged, or holds code, which is not loaded ({reason}): {remedy}")
