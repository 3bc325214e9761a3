"""clip-retrieval's own query and index: right where they are used, and wrong for us where they are not."""

import faiss
import numpy as np
import pytest
from autofaiss.external.optimize import get_optimal_index_keys_v2

from common.clip import unit
from stages.retrieve import knn

pytestmark = pytest.mark.slow  # clip-retrieval takes many seconds to import


def vectors(count: int, width: int, seed: int = 0) -> np.ndarray:
    return unit(np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32))


def test_its_query_is_the_exact_search() -> None:
    """To the bit, for as many photos as subjects have, also where vectors are equal."""
    stored = np.concatenate([vectors(300, 16), vectors(20, 16)])
    index = faiss.IndexFlatIP(16)
    index.add(stored)
    asked = vectors(7, 16, seed=1)
    scores, ids = knn.search(knn.knn_service(index), asked, 320)
    expected = index.search(asked, 320)
    assert scores.dtype == np.float32 and ids.dtype == np.int64
    assert np.array_equal(scores, expected[0]) and np.array_equal(ids, expected[1])
    # and what faiss says is the truth
    np.testing.assert_allclose(scores, -np.sort(-asked @ stored.T, axis=1), atol=1e-6)


def test_its_deduplication_loses_pictures_that_are_not_alike() -> None:
    """Each is like the next (cosine .95), so that of five one is left; the first and the third are not."""
    angles = np.arange(5) * np.arccos(0.95)
    chain = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    assert chain[0] @ chain[1] > 0.94 > 0.81 > chain[0] @ chain[2]
    service = knn.knn_service(faiss.IndexFlatIP(2))
    assert len(service.get_non_uniques(chain)) == 4


def test_its_builder_would_not_search_exactly() -> None:
    assert get_optimal_index_keys_v2(999, 16, "1G") == ["Flat"]
    assert all(kind.startswith("HNSW") for kind in get_optimal_index_keys_v2(1000, 16, "1G"))
