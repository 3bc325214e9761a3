"""Damaged files of vectors are refused before their claims are believed."""

from pathlib import Path

import faiss
import numpy as np
import pytest

from common.core.vectors import read_index


def test_a_damaged_index_is_refused_in_little_memory(tmp_path: Path):
    path = tmp_path / "image.index"
    faiss.write_index(index_of(np.eye(16, dtype=np.float32)), str(path))
    good = path.read_bytes()
    usual = faiss.get_deserialization_vector_byte_limit()
    assert read_index(path).ntotal == 16
    assert faiss.get_deserialization_vector_byte_limit() == usual  # others read indices in this process
    size = good.index((16 * 16 * 4 // 4).to_bytes(8, "little"))  # of the vector of numbers
    huge = good[:size] + (2**33).to_bytes(8, "little") + good[size + 8 :]
    for damaged in (huge, good[:100], good[:3], b"", b"noise" * 100):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"in image\.index$"):
            read_index(path)
    path.unlink()
    with pytest.raises(ValueError, match=r"FileNotFoundError in image\.index"):
        read_index(path)


def index_of(vectors: np.ndarray) -> faiss.Index:
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return index
