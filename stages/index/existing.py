"""An existing clip-retrieval index becomes rows and vectors of ours.

Reads the folders that `clip-retrieval inference` and `clip-retrieval index` write: metadata/*.parquet, and
the vectors from img_emb/*.npy or, without those, reconstructed from image.index. Images that the metadata
names by a path inside the folder are copied; others are known by URL alone, and stay where they are until
retrieve wants one.
"""

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from common.clip import SAME_CLIP, Clip, embed, unit
from common.core import foreign, progress
from common.core.errors import UserError
from common.core.images import load_image
from common.core.vectors import read_index
from common.corpus import web
from common.corpus.corpus_entry import NAMES, CorpusEntry, columns
from stages.index import listing
from stages.index.folder import picture
from stages.index.rows import IndexRows, row

SAMPLE = 8  # images embedded again to see whether base.clip.model made the index


def read(folder: Path, limits: web.DownloadLimits) -> tuple[IndexRows, np.ndarray, Counter, set[str]]:
    """Rows (keys are positions in the index), their unit vectors (n, d) float32, failures by cause, and which
    of the columns of `listing` there are.
    """
    metadata, known = _metadata(folder)
    with np.errstate(all="ignore"):  # rows that are no vectors are counted below
        vectors = unit(_vectors(folder))
    if len(vectors) != len(metadata):
        raise UserError(
            f"index.location: {folder} has {len(vectors):,} vectors but {len(metadata):,} rows of metadata: "
            "make it again with clip-retrieval"
        )
    rows, failures = [], Counter()
    for i, (entry, path) in enumerate(progress.bar(metadata, "read")):
        try:
            if not np.isfinite(vectors[i]).all():
                raise web.Unusable("no vector")
            local = _local(folder, path)
            if not local and not web.is_http(entry.url):
                raise web.Unusable("no image and no URL")
            named = entry._replace(url=entry.url or local.name)
            rows.append(row(f"{i:09d}", named, picture(local, limits) if local else None))
        except web.Unusable as failure:
            failures[str(failure)] += 1
    return rows, vectors[[int(entry["key"]) for entry in rows]], failures, known


def check_same_clip(clip: Clip, rows: IndexRows, vectors: np.ndarray) -> None:
    """Refuse an index whose vectors another model made: by size, and by embedding some images again.

    An index that has only URLs is checked by retrieve, when it has fetched some.
    """
    if vectors.shape[1] != clip.dimension:
        raise UserError(
            f"index.location: its vectors have size {vectors.shape[1]}, base.clip.model's {clip.dimension}: "
            "set base.clip.model to the model that made the index"
        )
    sample = [i for i, entry in enumerate(rows) if entry["image"]][:SAMPLE]
    if not sample:
        return
    again = embed(clip, [load_image(rows[i]["image"]["bytes"]) for i in sample])
    agreement = float(np.median(np.einsum("nd,nd->n", again, vectors[sample])))
    if agreement < SAME_CLIP:
        raise UserError(
            f"index.location: base.clip.model does not reproduce its vectors (cosine {agreement:.2f}): "
            "set base.clip.model to the model that made it"
        )


def _metadata(folder: Path) -> tuple[list[tuple[CorpusEntry, str | None]], set[str]]:
    """What is known of each picture and, if it was a file, its path; and the columns that all tables have."""
    files = sorted((folder / "metadata").glob("*.parquet"))
    if not files:
        raise UserError(
            f"index.location: {folder} has no metadata/*.parquet: name a folder of clip-retrieval's"
        )
    rows, known = [], set(NAMES)
    for file in files:
        try:
            listing.refuse_odd(file)
            table = pq.ParquetFile(file).read()
            local = "image_path" in table.column_names
            paths = listing.values(table, "image_path") if local else [None] * table.num_rows
            rows += zip(listing.rows(table), paths, strict=True)
        except listing.UNREADABLE as error:
            raise UserError(
                f"index.location: {file} cannot be read ({progress.printable(error)}): "
                "make it again with clip-retrieval"
            ) from error
        known &= set(columns(table.column_names))
    return rows, known


def _local(folder: Path, name: object) -> Path | None:
    """The file that a row of metadata names, if it is in the index's folder, which is all that DVC hashes."""
    if not isinstance(name, str) or not name:
        return None
    try:
        path = foreign.inside(folder, name)
    except UserError:
        return None
    return path if path.exists() else None


def _vectors(folder: Path) -> np.ndarray:
    """(n, d) numbers, as they are kept."""
    arrays = sorted((folder / "img_emb").glob("*.npy"))
    try:
        if arrays:
            for array in arrays:
                listing.refuse_odd(array)
            vectors = np.concatenate([np.load(array) for array in arrays])
        else:
            import faiss

            listing.refuse_odd(folder / "image.index")
            index = read_index(folder / "image.index")
            if inverted := faiss.try_extract_index_ivf(index):
                inverted.make_direct_map()
            vectors = index.reconstruct_n(0, index.ntotal)
        if vectors.ndim != 2 or vectors.dtype.kind != "f":
            raise ValueError(f"{vectors.dtype} numbers of shape {vectors.shape}")
    except (OSError, ValueError, RuntimeError, MemoryError, OverflowError, AssertionError, EOFError) as error:
        raise UserError(
            f"index.location: {folder} needs img_emb/*.npy or a readable image.index: "
            f"{progress.printable(error)}: make it again with clip-retrieval"
        ) from error
    return vectors
