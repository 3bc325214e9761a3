"""Photos that only their owner may read: what stages and commands make of them is for nobody else either."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.core import paths
from tests.support.convert_helpers import make_subject
from tests.support.helpers import ROOT, run_stage, save_photo, set_params

BO = Path("data/subjects/bo")


@pytest.fixture(autouse=True)
def own_subject(workspace: Path) -> Iterator[None]:
    before = os.umask(0o022)
    Path("models").symlink_to(ROOT / "models")
    set_params({"subjects": {"bo": {"kind": "pet"}}})
    for number in range(5):
        save_photo(BO / f"train/{number}.png", 30 * number)
    save_photo(BO / "test/0.png", 200)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_made_of_hidden_photos_is_hidden():
    Path.cwd().chmod(0o755)
    checked = run_stage("check")
    assert checked.returncode == 0 and "chmod" not in checked.stderr
    assert mode(paths.CHECKED) == 0o644
    (BO / "test/0.png").chmod(0o600)
    checked = run_stage("check")
    assert checked.returncode == 0 and "run `chmod 700 .`" in checked.stderr
    assert mode(paths.CHECKED) == 0o600
    Path.cwd().chmod(0o700)
    assert "chmod" not in run_stage("check").stderr


def test_exported_copies_are_hidden_as_well():
    make_subject()
    (BO / "test/0.png").chmod(0o600)
    for form, place in {"llava": "out/bo.json", "jsonl": "lines", "yollava": "published"}.items():
        done = run_stage("convert", form, "bo", place)
        assert done.returncode == 0, done.stderr
    made = [path for place in ("out", "lines", "published") for path in Path(place).rglob("*")]
    assert any(path.suffix == ".png" for path in made)
    assert all(mode(path) & 0o077 == 0 for path in made)
