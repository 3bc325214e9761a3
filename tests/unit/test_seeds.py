"""The table of what the seed systems offer is whole, and each row that works has a test that proves it."""

import ast
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.support.helpers import ROOT

LISTS = {"Y": 30, "M": 29, "L": 21}  # rows of Yo'LLaVA, MyVLM and plain LoRA
ROWS: dict[str, dict[str, Any]] = YAML(typ="safe").load(ROOT / "tests/seeds.yaml")  # refuses a row twice


def names_in(path: Path) -> set[str]:
    return {
        node.name
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_every_row_is_there_once_and_in_order() -> None:
    assert list(ROWS) == [f"{name}{number + 1}" for name, count in LISTS.items() for number in range(count)]
    titles = [row["title"] for row in ROWS.values()]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("row", ROWS)
def test_what_works_has_tests_and_what_does_not_says_why(row: str) -> None:
    content = ROWS[row]
    proof = "tests" if content["state"] == "works" else "lacking"
    assert content["state"] in ("works", "part", "missing")
    assert set(content) == {"title", "state", proof} and content[proof]
    nodes = content.get("tests", [])
    assert len(set(nodes)) == len(nodes)
    for node in nodes:
        path, _, name = node.partition("::")
        assert name in names_in(ROOT / path), f"{path} has no test {name}"
