"""The index stage on real servers and folders, with a tiny CLIP."""

import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from common.core import paths
from common.core.errors import UserError
from stages.index import __main__ as stage
from tests import hostile
from tests.support.helpers import set_params
from tests.support.index_helpers import check_consistent, images, list_of, made
from tests.support.index_jobs import (
    AGENT,
    _base_clip,  # noqa: F401  (a fixture)
)

pytestmark = pytest.mark.slow  # clip-retrieval and img2dataset take many seconds to import


def test_a_list_of_urls_from_a_hostile_web(workspace: Path, clip_folder: Path):
    """Good pictures from two hosts, one of them loopback; every failure counted; the same bytes again."""
    images(Path("served"), range(30))
    secret = images(workspace / "secret", range(99, 100)) / "099.png"
    (workspace / "served/ä b.png").write_bytes(hostile.picture(50))
    set_params({"index.serve": "served", "index.max_image_mb": 1, "index.max_image_pixels": 10**6})
    seen: list[hostile.Seen] = []
    with hostile.server(seen) as host:
        ours = [f"http://corpus.example/{i:03d}.png" for i in range(31)]
        list_of(
            [*ours, "http://corpus.example/ä b.png", f"{host}/ok/60.png"]
            + [host + path for path in hostile.CAUSES]
            + [secret.as_uri(), None, "", "no address"]
        )
        summary = stage.main()
        first = made()
        stage.main()
    assert made() == first
    rows = check_consistent(clip_folder).to_pylist()
    assert [row["url"] for row in rows] == [*ours[:30], "http://corpus.example/ä b.png", f"{host}/ok/60.png"]
    assert [row["key"] for row in rows] == [f"{i:09d}" for i in [*range(30), 31, 32]]
    assert all(row["caption"] == f"picture {int(row['key'])}" for row in rows)
    assert rows[3]["image"] == {"bytes": hostile.picture(3), "path": "000000003.png"}
    expected = {cause: list(hostile.CAUSES.values()).count(cause) for cause in hostile.CAUSES.values()}
    expected |= {"http 404": 2, "not http": 4}
    assert json.loads(first["card.json"])["failed"] == expected
    assert "127.0.0.1" not in first["card.json"].decode()
    assert {each.agent for each in seen} == {AGENT}
    assert "32 images" in summary and "4 not http" in summary


def test_a_list_may_not_name_hosts_of_ones_own_network(workspace: Path):
    """Its workers are img2dataset's; ours on loopback is reached all the same."""
    images(Path("served"), range(3))
    seen: list[hostile.Seen] = []
    set_params({"index.serve": "served", "index.allowed_hosts": ""})
    with hostile.server(seen) as host:
        list_of([f"http://corpus.example/{i:03d}.png" for i in range(3)] + [f"{host}/ok/1", f"{host}/ok/2"])
        assert "3 images, failed: 2 local address" in stage.main()
    assert not seen


def test_a_folder_of_images(workspace: Path, clip_folder: Path):
    folder = images(Path("pictures/deep"), range(5)).parent
    (folder / "deep/001.txt").write_text("a red ball\n")
    Image.open(folder / "deep/002.png").resize((300, 200)).save(folder / "wide.jpg", exif=turned())
    (folder / "renamed.jpg").write_bytes(b"%PDF-1.4 not an image")
    (folder / "nothing.png").touch()
    (folder / ".DS_Store").write_bytes(b"hidden")
    (folder / "deep/cut.jpg").write_bytes(hostile.picture(3, "JPEG", (200, 200))[:900])
    (folder / "deep/spacer.png").write_bytes(hostile.picture(4, size=(1, 1)))
    (folder / "deep/divider.png").write_bytes(hostile.picture(4, size=(600, 20)))
    latin = Path(os.fsdecode(bytes(folder) + b"/caf\xe9.png"))
    latin.write_bytes(hostile.picture(7))
    latin.with_suffix(".txt").write_bytes(b"a caf\xe9")
    set_params({"index.source": "folder", "index.location": str(folder), "index.image_size": 64})
    stage.main()
    first = made()
    rows = {row["key"]: row for row in check_consistent(clip_folder).to_pylist()}
    assert list(rows) == ["caf\\xe9.png"] + [f"deep/{i:03d}.png" for i in range(5)] + ["wide.jpg"]
    assert rows["caf\\xe9.png"]["caption"] == "a caf\ufffd"
    assert rows["deep/001.png"]["caption"] == "a red ball" and rows["deep/002.png"]["caption"] is None
    assert (rows["wide.jpg"]["width"], rows["wide.jpg"]["height"]) == (43, 64)  # turned by its EXIF, scaled
    assert json.loads(first["card.json"])["failed"] == {
        **{"damaged": 1, "empty": 1, "not an image": 1},
        **{"too small": 1, "extreme shape": 1},
    }
    stage.main()
    assert made() == first


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def test_what_cannot_be_an_index(workspace: Path, tmp_path: Path):
    empty = tmp_path / "empty"
    empty.mkdir()
    Path("text.parquet").write_text("no parquet")
    pq.write_table(pa.table({"link": ["http://a.example/"]}), "columns.parquet")
    for source, location, sentence in (
        ("folder", "nowhere", "is not a folder"),
        ("folder", str(empty), r"no usable image in .* \(none\)"),
        ("urls", "nowhere.parquet", "is missing"),
        ("urls", "text.parquet", "is not a Parquet file"),
        ("urls", "columns.parquet", "column url"),
        ("index", str(empty), "no metadata"),
    ):
        set_params({"index.source": source, "index.location": location})
        with pytest.raises(UserError, match=sentence):
            stage.main()
        assert not list(paths.DATA.iterdir())
