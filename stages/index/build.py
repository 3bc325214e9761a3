"""Rows become data/index/: embedded by clip-retrieval's mapper, indexed by autofaiss, written whole.

Owns the embedding, the faiss index and the files. Does not own where rows come from.
"""

import contextlib
import importlib
import io as text_io
import logging
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from common.clip import Clip, batches, unit
from common.core import io, paths, progress
from common.core.errors import UserError
from common.core.images import load_image
from common.core.schema import INDEX_METADATA
from stages.index import clip_retrieval_worker
from stages.index.rows import IndexRows

warnings.filterwarnings("ignore", message="pkg_resources")  # of OpenAI's clip, an import of clip-retrieval
MAPPER = "clip_retrieval.clip_inference.mapper"


def embed_rows(clip: Clip, rows: IndexRows) -> np.ndarray:
    """Unit vectors (n, d) float32 of rows that hold their images, in order."""
    infer = _mapper(clip)
    vectors = []
    with progress.bar(len(rows), "embed") as bar:
        for batch in batches(rows):
            pixels = clip.preprocess([load_image(row["image"]["bytes"]) for row in batch])
            vectors.append(infer({"image_tensor": pixels, "image_filename": None})["image_embs"])
            bar.update(len(batch))
    return unit(np.concatenate(vectors))


@contextmanager
def imported_meanwhile() -> Iterator[None]:
    """Import clip-retrieval, which takes many seconds, while the body waits for other processes."""
    ahead = threading.Thread(target=importlib.import_module, args=(MAPPER,), daemon=True)
    ahead.start()
    yield
    ahead.join()


def _mapper(clip: Clip) -> Any:
    """clip-retrieval's ClipMapper around our CLIP."""
    with contextlib.redirect_stdout(text_io.StringIO()):  # it prints about its warm-up
        clip_retrieval_worker.register(clip)
        return importlib.import_module(MAPPER).ClipMapper(
            enable_image=True,
            enable_text=False,
            enable_metadata=False,
            use_mclip=False,
            clip_model="hf_clip:base@",
            use_jit=False,
            mclip_model=None,
        )


def exact_index(vectors: np.ndarray) -> bytes:
    """The faiss file of an exact inner-product index, by autofaiss, which clip-retrieval builds indices with.

    Called as `clip-retrieval index` (clip_index) calls it, but for what that leaves no choice of: the kind
    is "Flat", where autofaiss would take HNSW from 1,000 images on, which does not find all neighbors and is
    tuned by timing, so that two runs differ; and no file of infos, at which autofaiss fails with NumPy 2.
    """
    import faiss
    from autofaiss import build_index

    size = max(2**30, 2 * vectors.nbytes)
    with (
        _own_logging(),
        contextlib.redirect_stderr(text_io.StringIO()),
    ):  # it draws three progress bars of its own
        index, _ = build_index(
            vectors,
            save_on_disk=False,
            index_key="Flat",
            metric_type="ip",
            max_index_memory_usage=f"{size}B",
            current_memory_available=f"{2 * size}B",
            nb_cores=1,
            verbose=logging.ERROR,
        )
    if index is None or index.ntotal != len(vectors):
        raise UserError(
            "autofaiss built no index: see its messages above; is there memory for all embeddings?"
        )
    return faiss.serialize_index(index).tobytes()


@contextmanager
def _own_logging() -> Iterator[None]:
    """Undo what autofaiss does to the root logger (it sets level and handlers)."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    try:
        yield
    finally:
        root.setLevel(level)
        root.handlers[:] = handlers


def write(folder: Path, rows: IndexRows, vectors: np.ndarray, card: dict[str, Any]) -> None:
    """Write the four files into `folder`, sorted by key."""
    order = sorted(range(len(rows)), key=lambda i: rows[i]["key"])
    rows, vectors = [rows[i] for i in order], np.ascontiguousarray(vectors[order])
    io.write_parquet(folder / paths.INDEX_METADATA.name, rows, INDEX_METADATA, ["key"])
    with io.atomic(folder / paths.INDEX_EMBEDDINGS.name) as file:
        np.save(file, vectors)
    io.write_bytes(folder / paths.INDEX_IMAGES.name, exact_index(vectors))
    io.write_json(folder / paths.INDEX_CARD.name, card)


def card(
    source: str, image_size: int, images: int, remote: int, failures: Mapping[str, int], safety: Mapping
) -> dict[str, Any]:
    """The data card: what is there and what is not, and why; no times or hosts."""
    return {
        "source": source,
        "image_size": image_size,  # longest side of the images as kept
        "images": images,
        "images_by_url_only": remote,
        "failed": dict(failures),
        "failed_total": sum(failures.values()),
        "safety": dict(safety),
    }
