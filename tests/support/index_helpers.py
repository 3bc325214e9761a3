"""What the tests of the index stage share: corpora in, and what the files of data/index/ must be."""

from pathlib import Path

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from common.clip import Clip, embed
from common.core import paths
from common.core.images import load_image
from common.core.io import read_json, read_parquet, sha256_bytes
from common.core.schema import INDEX_METADATA
from tests import hostile
from tests.support.helpers import set_params

FILES = {paths.INDEX_METADATA, paths.INDEX_EMBEDDINGS, paths.INDEX_IMAGES, paths.INDEX_CARD}


def images(folder: Path, numbers: range) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        (folder / f"{number:03d}.png").write_bytes(hostile.picture(number))
    return folder


def list_of(urls: list[str | None], url: str = "url", caption: str = "caption", **columns: list) -> None:
    captions = [f"picture {i}" for i in range(len(urls))]
    pq.write_table(pa.table({url: urls, caption: captions} | columns), "urls.parquet")
    set_params({"index.source": "urls", "index.location": "urls.parquet"})


def made() -> dict[str, bytes]:
    """The stage's outputs, which are all there is: no leftover beside them."""
    assert set(paths.INDEX.iterdir()) == FILES
    assert [path.name for path in paths.DATA.iterdir()] == ["index"]
    return {path.name: path.read_bytes() for path in sorted(FILES)}


def check_consistent(clip_folder: Path) -> pa.Table:
    """Rows are sorted, hashed and measured rightly, and vectors are those of the images beside them."""
    table = read_parquet(paths.INDEX_METADATA, INDEX_METADATA)
    rows, vectors = table.to_pylist(), np.load(paths.INDEX_EMBEDDINGS)
    index = faiss.read_index(str(paths.INDEX_IMAGES))
    assert [row["key"] for row in rows] == sorted(row["key"] for row in rows)
    assert isinstance(index, faiss.IndexFlat) and index.metric_type == faiss.METRIC_INNER_PRODUCT
    assert vectors.dtype == np.float32 and np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert (index.reconstruct_n(0, index.ntotal) == vectors).all()
    kept = [load_image(row["image"]["bytes"]) for row in rows]
    assert [(row["width"], row["height"]) for row in rows] == [image.size for image in kept]
    assert [row["sha256"] for row in rows] == [sha256_bytes(row["image"]["bytes"]) for row in rows]
    assert np.allclose(embed(Clip(str(clip_folder), None, "cpu"), kept), vectors, atol=2e-3)
    assert read_json(paths.INDEX_CARD)["images"] == len(rows)
    return table
