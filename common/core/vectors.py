"""A faiss index, which may be damaged or another's: read in no more memory than it has bytes."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import faiss


def read_index(path: Path) -> "faiss.Index":
    """Read a faiss index; raises ValueError, in one line, if the file is none or damaged."""
    import faiss

    usual = faiss.get_deserialization_vector_byte_limit()
    try:
        # what a damaged header claims is else allocated, and filled with zeros, before it is read
        faiss.set_deserialization_vector_byte_limit(max(1, path.stat().st_size))
        return faiss.read_index(str(path))
    except (OSError, RuntimeError, MemoryError, OverflowError) as error:
        raise ValueError(f"{type(error).__name__} in {path.name}") from None
    finally:
        faiss.set_deserialization_vector_byte_limit(usual)  # it is the process's
