"""Two sound own subjects, and what check says of a workspace."""

from pathlib import Path

import pytest

from common.core import paths
from tests.support.helpers import run_here, save_photo, set_params

REX = Path("data/subjects/rex")


@pytest.fixture(autouse=True)
def _rex(workspace: Path):
    """Two own subjects, each with five train photos and one for the test, and nothing wrong."""
    for folder in (paths.BASE / "llava", paths.BASE / "clip"):
        folder.mkdir(parents=True)
    set_params(
        {
            "subjects": {
                "bo": {"kind": "pet", "source": "world"},
                "rex": {"kind": "pet"},
                "mia": {"kind": "person"},
            }
        }
    )
    for start, subject in ((0, "rex"), (100, "mia")):
        for number in range(5):
            save_photo(Path(f"data/subjects/{subject}/train/{number}.png"), start + number)
        save_photo(Path(f"data/subjects/{subject}/test/0.png"), start + 50)


def refusal() -> list[str]:
    """The sentences with which check refuses; there is no traceback and no receipt."""
    done = run_here("check")
    assert done.returncode == 1
    assert done.stdout == ""
    assert not paths.CHECKED.exists()
    first, *rest = done.stderr.splitlines()
    return [first.removeprefix("error: "), *(line.strip() for line in rest)]


def accepted() -> str:
    """What check says when it is content."""
    done = run_here("check")
    assert done.returncode == 0, done.stderr
    return done.stderr
