"""A small folder as Yo'LLaVA's dataset is published, to be given a defect, and what is reported of it."""

import json
from pathlib import Path

import pytest

from tests.support.add_helpers import added, draw

DATA = Path("published/yollava-data")
SUBJECTS = Path("data/subjects")
REPORT = Path("data/yollava/report.md")


def row(answer: str = "A", key: str = "options", name: str = "<sks>", **changes: object) -> dict:
    """One question in the published form."""
    question = {"question": f"What is {name} on?", key: {"A": "Sofa", "B": "Grass"}, "correct_answer": answer}
    return question | changes


@pytest.fixture(autouse=True)
def _published(workspace: Path):
    """bo and thao without a defect: six photos to learn from, three for the test, and questions."""
    for start, name in ((0, "bo"), (20, "thao")):
        for number in range(6):
            draw(DATA / f"train/{name}/{number}.png", start + number)
        for number in range(3):
            draw(DATA / f"test/{name}/{number}.png", start + 10 + number)
    visual = {
        name: {f"./yollava-data/test/{name}/{n}.png": row("AAB"[n]) for n in range(3)}
        for name in ("bo", "thao")
    }
    write("yollava-visual-qa.json", visual)
    text = {name: {str(n): row("A", "option", "sks") for n in range(4)} for name in ("bo", "thao")}
    write("yollava-text-only-qa.json", text)


def write(name: str, value: object) -> None:
    (DATA / name).write_text(json.dumps(value))


def change(name: str, subject: str, key: str, value: dict | None) -> None:
    """Set or remove one question of a file."""
    rows = json.loads((DATA / name).read_text())
    if value is None:
        del rows[subject][key]
    else:
        rows.setdefault(subject, {})[key] = value
    write(name, rows)


def imported() -> str:
    """Import, and return the report."""
    added("yollava", "published")
    return REPORT.read_text()


def section(report: str, cause: str) -> list[str]:
    """The cases under one heading."""
    body = report.partition(f"## {cause} (")[2].partition("\n\n")[2].partition("\n\n## ")[0]
    return [line.removeprefix("- ") for line in body.splitlines()]
