"""The index stage on clip-retrieval's own indexes and services, with a tiny CLIP."""

import importlib
import shutil
from pathlib import Path

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages.core import paths
from stages.core.clip import Clip, embed
from stages.core.errors import UserError
from stages.core.images import load_image
from stages.core.io import read_json, read_parquet
from stages.core.schema import INDEX_METADATA
from stages.index import __main__ as stage
from stages.index import build
from tests import hostile, tiny
from tests.helpers import set_params
from tests.index_helpers import check_consistent, images, made

pytestmark = pytest.mark.slow  # clip-retrieval takes many seconds to import


@pytest.fixture(autouse=True)
def _base_clip(workspace: Path, clip_folder: Path):
    set_params({"base.clip": str(clip_folder), "index.timeout_s": 3})


def clip_retrieval_index(folder: Path, clip_folder: Path, urls: bool = False) -> Path:
    """An index made by clip-retrieval's own reader, mapper, writer and autofaiss, of ten images."""
    reader = importlib.import_module("clip_retrieval.clip_inference.reader")
    writer = importlib.import_module("clip_retrieval.clip_inference.writer")
    clip = Clip(str(clip_folder), None, "cpu")
    files = reader.FilesReader(
        lambda keys: keys, clip.preprocess, clip.tokenize, images(folder / "pictures", range(10)), 4, 0, False
    )
    output = writer.NumpyWriter(0, str(folder), False, True, False, 1)
    infer = build._mapper(clip)
    for batch in files:
        output(infer(batch))
    output.flush()
    if urls:
        metadata = folder / "metadata/metadata_0.parquet"
        names = pq.read_table(metadata)["image_path"].to_pylist()
        addresses = [f"http://a.example/{Path(name).name}" for name in names]
        pq.write_table(pa.table({"url": addresses, "caption": ["?"] * 10}), metadata)
    return folder


def test_an_existing_index(workspace: Path, clip_folder: Path, tmp_path: Path):
    folder = clip_retrieval_index(tmp_path / "theirs", clip_folder)
    set_params({"index.source": "index", "index.location": str(folder)})
    stage.main()
    rows = check_consistent(clip_folder).to_pylist()
    assert [row["url"] for row in rows] == [f"{i:03d}.png" for i in range(10)]
    from_vectors = made()

    index = faiss.index_factory(16, "HNSW8,Flat", faiss.METRIC_INNER_PRODUCT)
    index.add(np.load(folder / "img_emb/img_emb_0.npy").astype(np.float32))
    faiss.write_index(index, str(folder / "image.index"))
    shutil.rmtree(folder / "img_emb")
    stage.main()
    assert made() == from_vectors


def test_an_index_that_knows_urls_alone(workspace: Path, clip_folder: Path, tmp_path: Path):
    folder = clip_retrieval_index(tmp_path / "theirs", clip_folder, urls=True)
    set_params({"index.source": "index", "index.location": str(folder)})
    stage.main()
    rows = read_parquet(paths.INDEX_METADATA, INDEX_METADATA).to_pylist()
    assert {row["image"] for row in rows} == {None} and rows[0]["url"] == "http://a.example/000.png"
    card = read_json(paths.INDEX_CARD)
    assert card["images_by_url_only"] == 10 and card["fetch"]["timeout_s"] == 3


def test_an_index_that_is_not_ours_to_use(workspace: Path, clip_folder: Path, tmp_path: Path):
    folder = clip_retrieval_index(tmp_path / "theirs", clip_folder)
    set_params({"index.source": "index", "index.location": str(folder)})
    set_params({"base.clip": str(tiny.clip(tmp_path / "other", seed=1))})
    with pytest.raises(UserError, match="reproduce its vectors"):
        stage.main()
    np.save(folder / "img_emb/img_emb_0.npy", np.ones((10, 8), np.float16))
    with pytest.raises(UserError, match=r"have size 8, those of base\.clip 16"):
        stage.main()
    np.save(folder / "img_emb/img_emb_0.npy", np.ones((9, 16), np.float16))
    with pytest.raises(UserError, match="9 vectors but 10 rows"):
        stage.main()
    assert not paths.INDEX.exists()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{}", "must hold url"),
        (
            '{"url": "http://127.0.0.1:1/knn-service", "indice_name": "t", "size": 5}',
            "no clip-retrieval service",
        ),
        ('{"url": "http://127.0.0.1:1/", "indice_name": "t", "size": 5}', "must hold url"),
    ],
)
def test_a_service_that_is_not_there(text: str, sentence: str):
    Path("service.json").write_text(text)
    set_params({"index.source": "service", "index.location": "service.json"})
    with pytest.raises(UserError, match=sentence):
        stage.main()


def test_clip_retrieval_computes_what_we_search_with(clip_folder: Path):
    """Index uses ClipMapper, retrieve the same arithmetic without its imports: equal to the last bit."""
    clip = Clip(str(clip_folder), None, "cpu")
    rows = [{"image": {"bytes": hostile.picture(i)}} for i in range(70)]
    pictures = [load_image(row["image"]["bytes"]) for row in rows]
    assert (build.embed_rows(clip, rows) == embed(clip, pictures)).all()
