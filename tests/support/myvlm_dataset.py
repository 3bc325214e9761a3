"""A small folder as MyVLM's dataset is published, to be given a defect, and what is reported of it."""

import json
from pathlib import Path

import pytest

from tests.support.add_helpers import added, draw

DATA = Path("published/data")
SUBJECTS = Path("data/subjects")
REPORT = Path("data/myvlm/report.md")
CONCEPTS = ("my_cat", "skulls_mug")


@pytest.fixture(autouse=True)
def _published(workspace: Path) -> None:
    """Two concepts without a defect: seven photos each, with two captions."""
    for start, name in ((0, "my_cat"), (20, "skulls_mug")):
        for number in range(7):
            draw(DATA / f"{name}/{number}.jpg", start + number)
        write(name, "captions.json", {f"{number}.jpg": told(name, number) for number in range(7)})


def told(name: str, number: int) -> list[str]:
    """What people say of a photo."""
    return [f"{name} on shelf {number}.", f"Shelf {number} with {name.title()} on it."]


def write(concept: str, name: str, value: object) -> None:
    (DATA / concept / name).write_text(json.dumps(value))


def change(concept: str, photo: str, captions: list[str] | None) -> None:
    """Set or remove the captions of one photo."""
    found = json.loads((DATA / concept / "captions.json").read_text())
    found.pop(photo, None)
    write(concept, "captions.json", found | ({} if captions is None else {photo: captions}))


def imported() -> str:
    """Import, and return the report."""
    added("myvlm", "published")
    return REPORT.read_text()
