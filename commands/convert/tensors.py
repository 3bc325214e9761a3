"""Others' `.pt` files: read without running code in them, and without believing what they claim to hold.

Owns the one way in and out for torch's archives. Does not own what a format keeps in them.
"""

import io as memory
import zipfile
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

from common.core import io
from common.core.errors import UserError

if TYPE_CHECKING:
    import torch

MAX_BYTES = 256 * 2**20  # of a file; a pair of the paper's has 170 kB


def save(path: Path, value: Any) -> None:
    """Write tensors as torch does; the same values give the same bytes."""
    import torch

    file = memory.BytesIO()
    torch.save(value, file)
    io.write_bytes(path, file.getvalue())


def load(path: Path, missing: str) -> Any:
    """What the file holds, on the CPU; nothing is executed.

    Raises UserError if the file is not there (`missing` is the remedy), is too large or damaged, or holds
    anything but numbers, texts and containers of these.
    """
    import torch

    _refuse_damaged(path, missing)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, ValueError, EOFError, OSError, LookupError, TypeError) as error:
        raise _damaged(path, type(error).__name__) from None


def check_table(path: Path, rows: Any, max_rows: int) -> "torch.Tensor":
    """The rows, (n, D) as stored, 1 ≤ n ≤ max_rows, in no more memory than the file; or a UserError."""
    import torch

    table = isinstance(rows, torch.Tensor) and rows.layout == torch.strided and rows.ndim == 2
    if (
        not table
        or rows.device.type != "cpu"
        or not rows.is_floating_point()
        or not 0 < len(rows) <= max_rows
    ):
        raise UserError(
            f"{path} holds no table of numbers of up to {max_rows} rows: take the file that training wrote"
        )
    if rows.numel() * rows.element_size() > rows.untyped_storage().nbytes():
        raise UserError(f"{path} holds fewer numbers than it says: take the tensor file that training wrote")
    return rows.detach()


def finite(path: Path, rows: "torch.Tensor") -> "torch.Tensor":
    """The numbers as float32, which must be able to hold them."""
    rows = rows.float().contiguous()
    if not rows.isfinite().all():
        raise UserError(
            f"{path} holds NaN, infinity or numbers too large for float32: take a file of an earlier epoch"
        )
    return rows


def shape(rows: "torch.Tensor") -> str:
    """The shape in words."""
    return " x ".join(map(str, rows.shape))


def _refuse_damaged(path: Path, missing: str) -> None:
    """Raise UserError unless this is an archive of torch.save's whose checksums hold."""
    if not path.is_file():
        raise UserError(f"{path} is missing: {missing}")
    if path.stat().st_size > MAX_BYTES:
        raise UserError(
            f"{path} is larger than {MAX_BYTES:,} bytes: take the tensor file that training wrote"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist())
            if packed or archive.testzip():  # torch itself does not look at checksums
                raise _damaged(path, "its checksum is wrong")
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, EOFError) as error:
        raise _damaged(path, type(error).__name__) from None


def _damaged(path: Path, reason: str) -> UserError:
    return UserError(
        f"{path} is damaged, or holds code, which is not loaded ({reason}): "
        "take the tensor file that training wrote"
    )
