"""An existing clip-retrieval index becomes rows and vectors of ours.

Reads the folders that `clip-retrieval inference` and `clip-retrieval index` write: metadata/*.parquet, and
the vectors from img_emb/*.npy or, without those, reconstructed from image.index. Images that the metadata
names by a local path are copied; those known by URL alone stay where they are until retrieve wants one.
"""

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stages.core import progress, web
from stages.core.clip import SAME_CLIP, Clip, embed, unit
from stages.core.errors import UserError
from stages.core.images import load_image
from stages.core.listed import NAMES, Listed, columns
from stages.index import listing
from stages.index.folder import picture
from stages.index.rows import Rows, row

SAMPLE = 8  # images embedded again to see whether base.clip made the index


def read(folder: Path, limits: web.Limits) -> tuple[Rows, np.ndarray, Counter, set[str]]:
    """Rows (keys are positions in the index), their unit vectors (n, d) float32, failures by cause, and which
    of the columns of `listing` there are.
    """
    metadata, known = _metadata(folder)
    vectors = unit(_vectors(folder))
    if len(vectors) != len(metadata):
        raise UserError(
            f"index.location: {folder} has {len(vectors):,} vectors but {len(metadata):,} rows of metadata: "
            "make it again with clip-retrieval"
        )
    rows, failures = [], Counter()
    for i, (listed, path) in enumerate(progress.bar(metadata, "read")):
        local = Path(path) if path and Path(path).is_file() else None
        try:
            if not local and not web.is_http(listed.url):
                raise web.Unusable("no image and no URL")
            named = listed._replace(url=listed.url or local.name)
            rows.append(row(f"{i:09d}", named, picture(local, limits) if local else None))
        except web.Unusable as failure:
            failures[str(failure)] += 1
    return rows, vectors[[int(entry["key"]) for entry in rows]], failures, known


def check_same_clip(clip: Clip, rows: Rows, vectors: np.ndarray) -> None:
    """Refuse an index whose vectors another model made: by size, and by embedding some images again.

    An index that has only URLs is checked by retrieve, when it has fetched some.
    """
    if vectors.shape[1] != clip.dimension:
        raise UserError(
            f"index.location: its vectors have size {vectors.shape[1]}, those of base.clip {clip.dimension}: "
            "set base.clip to the model that made the index"
        )
    sample = [i for i, entry in enumerate(rows) if entry["image"]][:SAMPLE]
    if not sample:
        return
    again = embed(clip, [load_image(rows[i]["image"]["bytes"]) for i in sample])
    agreement = float(np.median(np.einsum("nd,nd->n", again, vectors[sample])))
    if agreement < SAME_CLIP:
        raise UserError(
            f"index.location: base.clip does not reproduce its vectors (cosine {agreement:.2f}): "
            "set base.clip to the model that made it"
        )


def _metadata(folder: Path) -> tuple[list[tuple[Listed, str | None]], set[str]]:
    """What is known of each picture and, if it was a file, its path; and the columns that all tables have."""
    files = sorted((folder / "metadata").glob("*.parquet"))
    if not files:
        raise UserError(
            f"index.location: {folder} has no metadata/*.parquet: name a folder of clip-retrieval's"
        )
    rows, known = [], set(NAMES)
    try:
        for table in [pq.ParquetFile(file).read() for file in files]:
            found = columns(table.column_names)
            local = "image_path" in table.column_names
            images = table["image_path"].to_pylist() if local else [None] * table.num_rows
            rows += zip(listing.rows(table, found), images, strict=True)
            known &= set(found)
    except (pa.ArrowException, OSError) as error:
        raise UserError(
            f"index.location: the metadata in {folder} cannot be read ({error}): make it again with "
            "clip-retrieval"
        ) from error
    return rows, known


def _vectors(folder: Path) -> np.ndarray:
    arrays = sorted((folder / "img_emb").glob("*.npy"))
    try:
        if arrays:
            return np.concatenate([np.load(array) for array in arrays])
        import faiss

        index = faiss.read_index(str(folder / "image.index"))
        if inverted := faiss.try_extract_index_ivf(index):
            inverted.make_direct_map()
        return index.reconstruct_n(0, index.ntotal)
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(
            f"index.location: {folder} needs img_emb/*.npy or a readable image.index: {str(error)[:200]}"
        ) from error
