"""The index stage on real servers and folders, with a tiny CLIP."""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from common.clip import Clip, embed
from common.core import paths
from common.core.errors import UserError
from common.core.images import load_image
from common.core.io import sha256_bytes
from stages.index import __main__ as stage
from stages.index.urls import WORK
from tests import hostile
from tests.support.helpers import ROOT, run_stage, set_params
from tests.support.index_helpers import check_consistent, images, list_of, made

pytestmark = pytest.mark.slow  # clip-retrieval and img2dataset take many seconds to import

AGENT = "personal-vlm/test (somebody@corpus.example)"


@pytest.fixture(autouse=True)
def _base_clip(workspace: Path, clip_folder: Path):
    set_params(
        {"base.clip.model": str(clip_folder), "index.timeout_s": 3, "index.retries": 0, "index.agent": AGENT}
        | {"index.allowed_hosts": "127.0.0.1"}
    )


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
    assert list(paths.DATA.iterdir()) == [WORK]  # another run goes on there


def test_what_is_finished_at_the_deadline_is_kept(workspace: Path, clip_folder: Path):
    """Though its shard is not; the next run asks for the rest of the list."""
    set_params({"index.serve": None, "index.timeout_s": 600, "index.per_host": 16})
    seen: list[hostile.Seen] = []
    with hostile.server(seen) as host:
        good = [f"/ok/{i}" for i in range(5)]
        list_of([host + path for path in [*good, *(f"/stall/{i}" for i in range(3))]])
        said = ""
        for deadline in (15, 60, 240):  # by how long the machine takes to begin
            set_params({"index.deadline_s": deadline})
            with suppress(UserError):
                said = stage.main()
            if "3 deadline" in said:
                break
        assert "5 images, failed: 3 deadline" in said
        assert WORK.exists() and {each.path for each in seen} >= set(good)
        set_params({"index.deadline_s": 600, "index.timeout_s": 2})
        assert "5 images, failed: 3 timed out" in stage.main()
    assert not WORK.exists()
    check_consistent(clip_folder)


def test_a_list_may_not_name_hosts_of_ones_own_network(workspace: Path):
    """Its workers are img2dataset's; ours on loopback is reached all the same."""
    images(Path("served"), range(3))
    seen: list[hostile.Seen] = []
    set_params({"index.serve": "served", "index.allowed_hosts": ""})
    with hostile.server(seen) as host:
        list_of([f"http://corpus.example/{i:03d}.png" for i in range(3)] + [f"{host}/ok/1", f"{host}/ok/2"])
        assert "3 images, failed: 2 local address" in stage.main()
    assert not seen


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


def test_a_killed_download_goes_on_where_it_was(workspace: Path, clip_folder: Path):
    """What was whole is not asked for again, and the result is that of a run which nobody killed."""
    set_params({"index.serve": None, "index.timeout_s": 60, "index.shard": 10, "index.per_host": 16})
    seen: list[hostile.Seen] = []
    with hostile.server(seen) as host:
        first, rest = [f"/ok/{i}" for i in range(20)], [f"/second/{i}" for i in range(20, 30)]
        list_of([host + path for path in [*first, *rest, "/missing"]])
        kill_when(lambda: {each.path for each in seen}.issuperset(rest))  # they stall
        wait(lambda: not processes_of(workspace))
        assert not paths.INDEX.exists()
        assert len(list(WORK.glob("out/*_stats.json"))) == 2
        (WORK / "out/00001.parquet").write_bytes(b"torn")  # as after a power cut
        stage.main()
        resumed = made()
        asked = Counter(each.path for each in seen)
        assert [asked[path] for path in first] == [1] * 10 + [2] * 10
        stage.main()
    assert made() == resumed
    assert json.loads(resumed["card.json"])["failed"] == {"http 404": 1}
    rows = check_consistent(clip_folder).to_pylist()
    assert [row["original_sha256"] for row in rows] == [sha256_bytes(hostile.picture(i)) for i in range(30)]


def test_what_a_killed_download_left_goes_when_it_is_not_wanted(workspace: Path, clip_folder: Path):
    set_params({"index.serve": None, "index.timeout_s": 600})
    with hostile.server() as host:
        list_of([f"{host}/stall/{i}" for i in range(3)])
        kill_when(lambda: processes_of(workspace))
        wait(lambda: not processes_of(workspace))
    assert not paths.INDEX.exists() and list(paths.DATA.iterdir())
    set_params({"index.source": "folder", "index.location": str(images(Path("folder"), range(3)))})
    stage.main()
    made()


def kill_when(condition: Callable[[], object]) -> None:
    """Run the stage and kill it as the kernel would."""
    killed = subprocess.Popen(
        [sys.executable, "-m", "stages.index"], env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=-3
    )
    try:
        wait(condition)
    finally:
        killed.kill()
        killed.wait()


def test_a_list_with_laions_columns(workspace: Path, clip_folder: Path):
    """License, hash and safety are kept for each row; what is unsafe or unknown is not even asked for.

    The host is asked for one picture at a time, as it should.
    """
    seen: list[hostile.Seen] = []
    set_params({"index.serve": None, "index.max_punsafe": 0.5, "index.per_host": 1})
    with hostile.server(seen) as host:
        list_of(
            [f"{host}/slow/{i}" for i in range(5)],
            "URL",
            "TEXT",
            LICENSE=["cc-by-2.0", None, "?", "?", "?"],
            hash=[-7, 8, 9, 10, 11],
            punsafe=[0.1, 0.5, 0.6, None, 0.99],
            similarity=[0.3] * 5,
        )
        assert "2 images, failed: 1 safety unknown, 2 unsafe" in stage.main()
    rows = check_consistent(clip_folder).to_pylist()
    assert [(row["caption"], row["license"], row["listed_hash"]) for row in rows] == [
        ("picture 0", "cc-by-2.0", "-7"),
        ("picture 1", None, "8"),
    ]
    assert [row["punsafe"] for row in rows] == pytest.approx([0.1, 0.5])
    assert sorted(each.path for each in seen) == ["/slow/0", "/slow/1"]
    assert {each.at_once for each in seen} == {1}
    assert json.loads(made()["card.json"])["safety"] == {
        "max_punsafe": 0.5,
        "by": "column punsafe of the corpus",
    }


def test_a_threshold_without_numbers_is_refused(workspace: Path):
    set_params({"index.serve": None, "index.max_punsafe": 0.5})
    list_of(["http://a.example/"])
    with pytest.raises(UserError, match=r"urls\.parquet has no column punsafe"):
        stage.main()
    set_params({"index.source": "folder", "index.location": str(images(Path("folder"), range(3)))})
    with pytest.raises(UserError, match="folder has no column punsafe"):
        stage.main()


def test_a_detector_judges_what_the_corpus_does_not(workspace: Path, clip_folder: Path):
    """LAION's network with random weights: its numbers are in the rows, and those above the limit are out."""
    weights = detector_weights(16)
    folder = images(Path("folder"), range(12))
    expected = judged(weights, [load_image(path) for path in sorted(folder.iterdir())], clip_folder)
    limit = float(np.median(expected))
    torch.save(weights, "weights.pth")
    set_params({"index.source": "folder", "index.location": str(folder)})
    set_params({"index.max_punsafe": limit, "index.safety_model": "weights.pth"})
    assert "6 images, failed: 6 unsafe" in stage.main()
    rows = check_consistent(clip_folder).to_pylist()
    assert [row["punsafe"] for row in rows] == pytest.approx(expected[expected <= limit], abs=1e-4)
    card = json.loads(made()["card.json"])["safety"]
    assert card["by"].startswith("LAION's CLIP-based NSFW detector")
    assert card["weights_sha256"] == sha256_bytes(Path("weights.pth").read_bytes())
    torch.save(detector_weights(24), "weights.pth")
    with pytest.raises(UserError, match=r"weights\.pth does not judge embeddings of size 16"):
        stage.main()
    set_params({"index.safety_model": "nowhere.pth"})
    with pytest.raises(UserError, match=r"nowhere\.pth is missing"):
        stage.main()


def detector_weights(size: int) -> dict[str, torch.Tensor]:
    """Of LAION's architecture, spread so that its answers differ and lie between 0 and 1."""
    torch.manual_seed(0)
    sides = [size, 1024, 2048, 1024, 256, 128, 16, 1]
    places = [0, 3, 6, 9, 12, 15, 16]
    weights = {}
    for place, fan_in, fan_out in zip(places, sides[:-1], sides[1:], strict=True):
        weights[f"layers.{place}.weight"] = torch.randn(fan_out, fan_in) * (2 / fan_in) ** 0.5
        weights[f"layers.{place}.bias"] = torch.zeros(fan_out)
    weights["layers.16.weight"] *= 0.1
    weights["layers.16.bias"] += 0.5
    return weights


def judged(weights: dict[str, torch.Tensor], photos: list[Image.Image], clip_folder: Path) -> np.ndarray:
    """The network by hand: ReLU after all layers but the last two."""
    x = torch.from_numpy(embed(Clip(str(clip_folder), None, "cpu"), photos))
    for place in (0, 3, 6, 9, 12, 15, 16):
        x = torch.nn.functional.linear(x, weights[f"layers.{place}.weight"], weights[f"layers.{place}.bias"])
        x = x.relu() if place < 15 else x
    return x[:, 0].numpy()


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
