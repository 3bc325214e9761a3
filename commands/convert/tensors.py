"""Others' `.pt` files: tables of numbers in torch's archives, and no belief in what they claim to hold.

Does not own what a format keeps in them, nor how they are read (`torch_archives`).
"""

import io as memory
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.core import io, torch_archives
from common.core.errors import UserError

if TYPE_CHECKING:
    import torch

MAX_BYTES = 256 * 2**20  # of a file; a pair of the paper's has 170 kB
AGAIN = "take the tensor file that training wrote"


def save(path: Path, value: Any) -> None:
    """Write tensors as torch does; the same values give the same bytes."""
    import torch

    file = memory.BytesIO()
    torch.save(value, file)
    io.write_bytes(path, file.getvalue())


def load(path: Path, missing: str) -> Any:
    """What the file holds, on the CPU; errors as of `torch_archives.load`."""
    return torch_archives.load(path, missing, MAX_BYTES, AGAIN)


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
