"""The index stage on clip-retrieval's own indexes and services, with a tiny CLIP."""

import importlib
import importlib.util
import shutil
from pathlib import Path

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common.clip import Clip, embed
from common.core import paths
from common.core.errors import UserError
from common.core.images import load_image
from common.core.io import read_json, read_parquet
from common.core.schema import INDEX_METADATA
from common.corpus.polite_http import DownloadLimits
from stages.index import __main__ as stage
from stages.index import build
from tests import hostile
from tests.support import tiny
from tests.support.helpers import set_params
from tests.support.index_helpers import check_consistent, images, made

LIMITS = DownloadLimits(3.0, 0, 2**20, 10**6, 256, 2, 10, per_host=1, agent="personal-vlm/test")
pytestmark = pytest.mark.slow  # clip-retrieval takes many seconds to import


@pytest.fixture(autouse=True)
def _base_clip(workspace: Path, clip_folder: Path):
    set_params({"base.clip.model": str(clip_folder), "index.timeout_s": 3})


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
        known = {"URL": addresses, "TEXT": ["?"] * 10, "LICENSE": ["cc0"] * 10, "punsafe": [0.01] * 9 + [0.8]}
        pq.write_table(pa.table(known), metadata)
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
    assert (rows[0]["caption"], rows[0]["license"]) == ("?", "cc0")
    card = read_json(paths.INDEX_CARD)
    assert card["images_by_url_only"] == 10 and card["fetch"]["limits"]["timeout_s"] == 3
    set_params({"index.max_punsafe": 0.5})
    assert "9 images, failed: 1 unsafe" in stage.main()


def test_an_index_reads_pictures_of_its_own_folder_and_vectors_that_are_some(
    workspace: Path, clip_folder: Path, tmp_path: Path
):
    folder = clip_retrieval_index(tmp_path / "theirs", clip_folder)
    metadata, vectors = folder / "metadata/metadata_0.parquet", folder / "img_emb/img_emb_0.npy"
    paths_there = pq.read_table(metadata)["image_path"].to_pylist()
    secret = tmp_path / "secret.png"
    Path(paths_there[0]).rename(secret)
    (folder / "linked.png").symlink_to(secret)
    paths_there[:3] = [str(secret), f"{folder}/../secret.png", str(folder / "linked.png")]
    pq.write_table(pa.table({"image_path": paths_there}), metadata)
    found = np.load(vectors)
    found[3] = np.nan
    np.save(vectors, found)
    set_params({"index.source": "index", "index.location": str(folder)})
    assert "6 images, failed: 3 no image and no URL, 1 no vector" in stage.main()
    for damaged in (b"", b"\x93NUMPY\x01\x00", vectors.read_bytes()[:200]):
        vectors.write_bytes(damaged)
        with pytest.raises(UserError, match=r"needs img_emb/\*\.npy or a readable image\.index"):
            stage.main()


def test_an_index_that_is_not_ours_to_use(workspace: Path, clip_folder: Path, tmp_path: Path):
    folder = clip_retrieval_index(tmp_path / "theirs", clip_folder)
    set_params({"index.source": "index", "index.location": str(folder)})
    set_params({"base.clip.model": str(tiny.clip(tmp_path / "other", seed=1))})
    with pytest.raises(UserError, match="reproduce its vectors"):
        stage.main()
    np.save(folder / "img_emb/img_emb_0.npy", np.ones((10, 8), np.float16))
    with pytest.raises(UserError, match=r"have size 8, base\.clip\.model's 16"):
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
        ('{"url": "http://u:p@127.0.0.1:1/knn-service", "indice_name": "t", "size": 5}', "user or password"),
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


def test_a_value_of_another_type_in_others_metadata_is_unknown(
    workspace: Path, clip_folder: Path, tmp_path: Path
):
    folder = clip_retrieval_index(tmp_path / "theirs", clip_folder, urls=True)
    metadata = folder / "metadata/metadata_0.parquet"
    table = pq.read_table(metadata).drop_columns(["punsafe"])
    odd = pa.array(["hardly"] * 9 + ["0.25"])
    pq.write_table(table.append_column("punsafe", odd), metadata)
    set_params({"index.source": "index", "index.location": str(folder)})
    stage.main()
    assert pq.read_table(paths.INDEX_METADATA)["punsafe"].to_pylist() == [None] * 9 + [0.25]
