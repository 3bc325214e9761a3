"""The whole pipeline on a small world, every stage for real, and then with photos of one's own."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from common.core import io, paths
from tests.support.forked import dvc
from tests.support.helpers import REAL_PHOTOS, ROOT, run_stage, save_photo, set_params

SMALL = {
    "subjects": {name: {"kind": "pet", "source": "world"} for name in ("bo", "rex")},
    "world.subjects": {"bo": {"noun": "dog"}, "rex": {"like": "bo", "changed": 0}},
    "world.corpus": 80,
    "world.corpus_lookalikes": 12,
    "world.test_photos": 2,
    "world.lookalike_photos": 1,
    "retrieve.hard": 8,
    "retrieve.easy": 8,
    "retrieve.neighbors": 20,
    "assemble.positive_copies": 2,
    "train.epochs": 1,
    # test_processors runs all methods, and each has its own test
    "methods": {"training_free": {"method": "training_free", "title": "-", "threshold": None}},
}


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository's files as they are now in a fresh Git and DVC repository, with a small world."""
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, files.stdout.split("\0")):
        if (ROOT / name).is_file() and name != "dvc.lock":
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    set_params(SMALL)
    subprocess.run(["git", "init", "-q"], check=True)
    return tmp_path


def own_photos(folder: Path) -> None:
    """Six photos of a dog, one for the test: camera photos where there are some, else drawn ones."""
    real = sorted((REAL_PHOTOS / "dog").glob("*.jpg"))
    for number in range(6):
        target = folder / ("test" if number == 5 else "train") / f"{number}.jpg"
        save_photo(target, 40 * number)
        if number < len(real):
            shutil.copy(real[-1 - number], target)


@pytest.mark.slow
@pytest.mark.usefixtures("clone")
def test_a_clone_runs_to_the_report_and_learns_a_subject_of_ones_own():
    dvc("repro")
    metrics = io.read_json(paths.METRICS)
    assert metrics["subjects.n"] == 2
    assert 0 <= metrics["recognition.weighted"] <= 1
    assert "up to date" in dvc("repro")

    trained = io.sha256_file(paths.subject_model("bo") / "soft_prompt.safetensors")
    own_photos(Path("data/subjects/my-dog"))
    set_params({"subjects.my-dog": {"kind": "pet"}})
    ran = re.findall(r"Running stage '([^']+)'", dvc("repro"))
    assert [stage for stage in ran if stage.startswith("train")] == ["train@my-dog"]
    assert not {"render", "index"} & set(ran)
    assert io.sha256_file(paths.subject_model("bo") / "soft_prompt.safetensors") == trained
    metrics = io.read_json(paths.METRICS)
    assert metrics["subjects.n"] == 2 and metrics["own.subjects.n"] == 1

    page = Path("reports/index.html").read_text()
    assert "my-dog" in page
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page), "the page needs the network"
    words = ("--image", "data/subjects/my-dog/test/5.jpg", "--question", "What is <my-dog>?")
    answer = run_stage("chat", "my-dog", *words)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip()
