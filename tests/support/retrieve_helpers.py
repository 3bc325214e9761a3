"""A subject, an index of numbered pictures, and the negatives that retrieve found in it."""

from pathlib import Path

import pytest

from common.core import paths
from common.core.io import read_parquet
from common.core.schema import NEGATIVES
from stages.index import __main__ as index
from tests import hostile
from tests.support.helpers import set_params

CORPUS = 60
PHOTOS = range(1000, 1003)  # numbers of the subject's train photos; 1003 is its test photo


@pytest.fixture(autouse=True)
def _ready(workspace: Path, clip_folder: Path):
    """A subject `rex` with three train photos and one test photo; small wishes and no ceilings."""
    set_params(
        {
            "subjects": {"rex": {"kind": "pet"}},
            "base.clip.model": str(clip_folder),
            "index.allowed_hosts": "127.0.0.1",
            "retrieve": {
                "hard": 10,
                "easy": 8,
                "neighbors": 20,
                "rounds": 4,
                "min_similarity": -1.0,
                "max_similarity": 1.0,
                "near_duplicate": 1.0,
            },
        }
    )
    subject("rex", PHOTOS)


def subject(name: str, numbers: range) -> None:
    for number in [*numbers, numbers.stop]:
        part = "test" if number == numbers.stop else "train"
        write(paths.OWN_SUBJECTS / name / part / f"{number}.png", hostile.picture(number))


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def make_index(numbers: range = range(CORPUS), **extra: bytes) -> None:
    """data/index/ of these pictures and of `extra` files (name → bytes), through the index stage."""
    for number in numbers:
        write(Path(f"corpus/{number:03d}.png"), hostile.picture(number))
        write(Path(f"corpus/{number:03d}.txt"), f"picture {number}".encode())
    for name, data in extra.items():
        write(Path(f"corpus/{name}.png"), data)
    set_params({"index.source": "folder", "index.location": "corpus"})
    index.main()


def rows(name: str = "rex", role: str | None = None) -> list[dict]:
    found = read_parquet(paths.negatives(name), NEGATIVES).to_pylist()
    return [row for row in found if role in (None, row["role"])]
