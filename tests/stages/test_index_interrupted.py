"""Downloads that end early: gone hosts, deadlines, full disks and kills."""

import json
import resource
import shutil
from collections import Counter
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from common.core import paths
from common.core.errors import UserError
from common.core.io import sha256_bytes
from stages.index import __main__ as stage
from stages.index.urls import WORK
from tests import hostile
from tests.support.helpers import run_stage, set_params
from tests.support.index_helpers import check_consistent, images, list_of, made
from tests.support.index_jobs import (
    _base_clip,  # noqa: F401  (a fixture)
    kill_when,
    processes_of,
    wait,
)

pytestmark = pytest.mark.slow  # clip-retrieval and img2dataset take many seconds to import


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
