"""The table of what the seed systems offer is whole, and each row that works has a test that proves it."""

import ast
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.support.helpers import ROOT

LISTS = {"Y": 30, "M": 29, "L": 21}  # rows of Yo'LLaVA, MyVLM and plain LoRA
ROWS: dict[str, dict[str, Any]] = YAML(typ="safe").load(ROOT / "tests/seeds.yaml")  # refuses a row twice


@cache
def names_run(path: Path) -> set[str]:
    """Names of a file's tests that are run: collected by pytest, and not skipped on all machines."""
    assert path.name.startswith("test_"), f"{path} is not collected"
    body = ast.parse(path.read_text()).body
    assigned = [node for node in body if isinstance(node, ast.Assign)]
    marks = [node.value for node in assigned if ast.unparse(node.targets[0]) == "pytestmark"]
    found = {node.name: node for node in body if isinstance(node, ast.FunctionDef)}  # the last of one name
    return {
        name
        for name, node in found.items()
        if name.startswith("test_") and not any(map(skips, [*marks, *node.decorator_list, node.body[0]]))
    }


def skips(said: ast.AST) -> bool:
    """Whether a mark, or a test's first statement, skips it or lets it fail, without a condition."""
    for node in ast.walk(said):
        if isinstance(node, ast.Attribute) and node.attr in ("skip", "xfail"):
            return True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "skipif":
            return isinstance(node.args[0], ast.Constant)
    return False


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
        assert name in names_run(ROOT / path), f"{path} has no test {name} that is run"


@pytest.mark.parametrize(
    ("text", "run"),
    [
        ("@pytest.mark.parametrize('a', [1])\ndef test_a(a):\n    assert a", True),
        ("@pytest.mark.skipif(not HERE, reason='')\ndef test_a():\n    assert f()", True),
        ("@pytest.mark.skipif(True, reason='')\ndef test_a():\n    assert f()", False),
        ("@pytest.mark.skip\ndef test_a():\n    assert f()", False),
        ("pytestmark = [pytest.mark.slow, pytest.mark.skip('later')]\ndef test_a():\n    assert f()", False),
        ("def test_a():\n    pytest.skip('later')", False),
        ("class A:\n    def test_a(self):\n        assert f()", False),
    ],
)
def test_what_is_not_run_proves_nothing(text: str, run: bool, tmp_path: Path) -> None:
    path = tmp_path / "test_it.py"
    path.write_text(text)
    assert names_run(path) == ({"test_a"} if run else set())
