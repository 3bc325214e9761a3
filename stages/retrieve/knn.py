"""clip-retrieval's query of an index: its KnnService in this process, and what its server is asked over HTTP.

Used as it is: KnnService's search by embedding, which over our index is exact. Not used, and why:

- its server (clip_back): it listens on all interfaces, and would download a CLIP and several filters;
- its reading of an index: a damaged header makes faiss allocate what it claims (`common.core.vectors`);
- its metadata providers: whole tables, pictures included, come into memory;
- `deduplicate`: of pictures that are alike in a chain one is left, though the first and the last are not
  alike, and it compares results of one query alone, by a threshold that cannot be set (`select` compares
  with all that were kept, by `retrieve.near_duplicate`);
- its safety filter for results: it needs autokeras, or rests on a threshold that cannot be set; `index` has
  filtered by `index.max_punsafe`.
"""

import contextlib
import importlib
import io
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import faiss

warnings.filterwarnings("ignore", message="pkg_resources")  # of OpenAI's clip, an import of clip-retrieval
LOCAL = "local"  # the name of an index in this process


def question(vector: np.ndarray, neighbors: int, indice_name: str, *, safety: bool) -> dict[str, Any]:
    """What is asked for the images nearest to a unit vector (d,), in clip-retrieval's words."""
    return {
        "embedding_input": vector.tolist(),
        "modality": "image",
        "num_images": neighbors,
        "num_result_ids": neighbors,
        "indice_name": indice_name,
        "deduplicate": False,
        "use_safety_model": safety,
        "use_violence_detector": False,
    }


def knn_service(index: "faiss.Index") -> Any:
    """clip-retrieval's KnnService over unit vectors, as the index `LOCAL`, without models or metadata."""
    with contextlib.redirect_stderr(io.StringIO()):  # its imports tell of kernels that nothing here uses
        clip_back = importlib.import_module("clip_retrieval.clip_back")
    nothing = dict.fromkeys(field for field in clip_back.ClipResource.__dataclass_fields__)
    resource = clip_back.ClipResource(
        **nothing
        | {
            "device": "cpu",
            "image_index": index,
            "metadata_provider": NoMetadata(),
            "metadata_is_ordered_by_ivf": False,
        }
    )
    return clip_back.KnnService(clip_resources={LOCAL: resource})


class NoMetadata:
    """In place of clip-retrieval's providers: rows are read by `corpus`, and few of them."""

    def get(self, _: object, __: object) -> list[Mapping[str, Any]]:
        """Nothing of any row."""
        return []


def search(service: Any, vectors: np.ndarray, neighbors: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (q, d) → scores (q, m) float32 falling and row numbers (q, m) int64, -1 where fewer."""
    scores = np.full((len(vectors), neighbors), -np.inf, np.float32)
    ids = np.full((len(vectors), neighbors), -1, np.int64)
    for q, vector in enumerate(vectors):
        for place, result in enumerate(service.query(**question(vector, neighbors, LOCAL, safety=False))):
            scores[q, place], ids[q, place] = result["similarity"], result["id"]
    return scores, ids
