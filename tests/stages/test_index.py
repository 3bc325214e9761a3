"""The index stage on real servers and folders, with a tiny CLIP."""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from stages.core import paths
from stages.core.errors import UserError
from stages.index import __main__ as stage
from tests import hostile
from tests.helpers import ROOT, run_stage, set_params
from tests.index_helpers import check_consistent, images, list_of, made

pytestmark = pytest.mark.slow  # clip-retrieval and img2dataset take many seconds to import


@pytest.fixture(autouse=True)
def _base_clip(workspace: Path, clip_folder: Path):
    set_params({"base.clip": str(clip_folder), "index.timeout_s": 3, "index.retries": 0})


def test_a_list_of_urls_from_a_hostile_web(workspace: Path, clip_folder: Path):
    """Good pictures from two hosts, one of them loopback; every failure counted; the same bytes again."""
    images(Path("served"), range(30))
    secret = images(workspace / "secret", range(99, 100)) / "099.png"
    (workspace / "served/ä b.png").write_bytes(hostile.picture(50))
    set_params({"index.serve": "served", "index.max_image_mb": 1, "index.max_image_pixels": 10**6})
    with hostile.server() as host:
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
    assert "32 images" in summary and "4 not http" in summary


def test_a_host_that_is_gone(workspace: Path):
    set_params({"index.serve": None})
    with hostile.server() as host:
        pass
    list_of([f"{host}/ok/{i}.png" for i in range(5)])
    done = run_stage("index")
    assert (done.returncode, done.stderr) == (
        1,
        "error: index.location: no usable image in urls.parquet (5 connection refused): mend the source\n",
    )
    assert not list(paths.DATA.iterdir())


def test_the_deadline_ends_all_processes(workspace: Path):
    set_params({"index.serve": None, "index.deadline_s": 0.5})
    with hostile.server() as host:
        list_of([f"{host}/stall/{i}" for i in range(3)])
        with pytest.raises(UserError, match="3 deadline"):
            stage.main()
    assert not processes_of(workspace)
    assert not list(paths.DATA.iterdir())


def test_a_full_disk_ends_the_download(workspace: Path, monkeypatch: pytest.MonkeyPatch):
    """img2dataset itself would wait for ever. Where it fails, as under a limit, its words get a remedy."""
    set_params({"index.serve": None})
    full = r"the disk is full: free some space and run the command again"
    with hostile.server() as host, monkeypatch.context() as patch:
        list_of([f"{host}/stall/{i}" for i in range(3)])
        patch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
        with pytest.raises(UserError, match=rf"cannot write data/index: {full}"):
            stage.main()
    assert not processes_of(workspace)
    images(Path("served"), range(30))
    list_of([f"http://corpus.example/{i:03d}.png" for i in range(30)])
    set_params({"index.serve": "served"})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(UserError, match=rf"img2dataset lost 30 of 30 URLs \(.*File too large\): {full}"):
            stage.main()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(paths.DATA.iterdir())


def test_a_killed_stage_leaves_neither_an_index_nor_processes(workspace: Path, clip_folder: Path):
    set_params({"index.serve": None, "index.timeout_s": 600})
    with hostile.server() as host:
        list_of([f"{host}/stall/{i}" for i in range(3)])
        killed = subprocess.Popen(
            [sys.executable, "-m", "stages.index"], env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=-3
        )
        try:
            wait(lambda: processes_of(workspace))
        finally:
            killed.kill()
            killed.wait()
        wait(lambda: not processes_of(workspace))
    assert not paths.INDEX.exists() and list(paths.DATA.iterdir())
    set_params({"index.source": "folder", "index.location": str(images(Path("folder"), range(3)))})
    stage.main()
    made()


def processes_of(folder: Path) -> list[Path]:
    """The processes of img2dataset (itself, its logger, its workers) that run in this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended
            command, place = (process / "cmdline").read_bytes(), (process / "cwd").resolve()
            if place == folder and (b"img2dataset_job" in command or b"multiprocessing" in command):
                found.append(process)
    return found


def wait(condition) -> None:
    end = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_folder_of_images(workspace: Path, clip_folder: Path):
    folder = images(Path("pictures/deep"), range(5)).parent
    (folder / "deep/001.txt").write_text("a red ball\n")
    Image.open(folder / "deep/002.png").resize((300, 200)).save(folder / "wide.jpg", exif=turned())
    (folder / "renamed.jpg").write_bytes(b"%PDF-1.4 not an image")
    (folder / "nothing.png").touch()
    (folder / ".DS_Store").write_bytes(b"hidden")
    (folder / "deep/cut.jpg").write_bytes(hostile.picture(3, "JPEG", (200, 200))[:900])
    set_params({"index.source": "folder", "index.location": str(folder), "index.image_size": 64})
    stage.main()
    first = made()
    rows = {row["key"]: row for row in check_consistent(clip_folder).to_pylist()}
    assert list(rows) == [f"deep/{i:03d}.png" for i in range(5)] + ["wide.jpg"]
    assert rows["deep/001.png"]["caption"] == "a red ball" and rows["deep/002.png"]["caption"] is None
    assert (rows["wide.jpg"]["width"], rows["wide.jpg"]["height"]) == (43, 64)  # turned by its EXIF, scaled
    assert json.loads(first["card.json"])["failed"] == {"damaged": 1, "empty": 1, "not an image": 1}
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
