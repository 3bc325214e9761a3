"""Token files: tensors of any shape, type, layout and strides, in whole and damaged files."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from common.core.errors import UserError
from tests.hostile.drawn import damaged


@st.composite
def tensors(draw: Callable) -> bytes:
    """What torch.save makes of a tensor of any shape, type, layout and strides, or of something else."""
    import torch

    shape = draw(st.lists(st.integers(0, 40), min_size=0, max_size=3))
    kind = draw(
        st.sampled_from(
            [torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.bool, torch.complex64]
        )
    )
    value = draw(st.sampled_from([0.0, 1.0, -1e300, float("nan"), float("inf"), 1e38]))
    rows: Any = torch.zeros(shape, dtype=kind)
    if kind.is_floating_point:
        rows = rows + value
    change = draw(
        st.sampled_from(["none", "expand", "sparse", "transpose", "meta", "dict", "list", "parameter"])
    )
    if change == "expand":
        rows = torch.zeros(1, 1, dtype=kind).expand(draw(st.integers(1, 10**6)), draw(st.integers(1, 10**4)))
    elif change == "sparse":
        rows = rows.to_sparse() if rows.ndim else rows
    elif change == "transpose":
        rows = rows.T if rows.ndim == 2 else rows
    elif change == "meta":
        rows = rows.to("meta")
    elif change == "parameter" and kind.is_floating_point:
        rows = torch.nn.Parameter(rows)
    rows = {"rows": rows} if change == "dict" else [rows] if change == "list" else rows
    torch.save(rows, "drawn.pt", _use_new_zipfile_serialization=draw(st.integers(0, 9)) > 0)
    return damaged(draw, Path("drawn.pt").read_bytes())


def token_files(data: bytes) -> None:
    """A file gives finite float32 rows, few enough, or a sentence."""
    import torch

    from commands.convert import tokens

    Path("a-token.pt").write_bytes(data)
    try:
        rows = tokens._finite(Path("a-token.pt"), tokens._load(Path("a-token.pt")))
    except UserError:
        return
    assert rows.dtype == torch.float32 and rows.ndim == 2 and 0 < len(rows) <= tokens.MAX_ROWS
    assert rows.isfinite().all() and rows.is_contiguous()
    assert zipfile.ZipFile("a-token.pt").testzip() is None
