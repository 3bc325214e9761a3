"""The code speaks the field's words: names that only this repository used are gone for good."""

import ast
import re
from pathlib import Path

import pytest

from tests.support.helpers import ROOT
from tools.private_names import private_names

FOLDERS = ("stages", "common", "commands", "benchmarks", "tools", "tests")


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_name_of_the_private_dialect_is_left(folder: str):
    assert list(private_names(ROOT / folder)) == []


def test_a_private_name_is_found_in_code_and_as_a_module_but_not_in_text(tmp_path: Path):
    (tmp_path / "material.py").write_text("def lay(rows): ...\n\n\n# lay\nTEXT = 'lay'\n")
    assert list(private_names(tmp_path)) == [
        f"{tmp_path}/material.py: material",
        f"{tmp_path}/material.py:1: lay",
    ]


@pytest.mark.parametrize("folder", FOLDERS)
def test_docstrings_explain_arguments_that_there_are(folder: str):
    """After a rename the old name stays easily where no tool looks."""
    gone = []
    for path in sorted((ROOT / folder).glob("**/*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                told = (ast.get_docstring(node) or "").partition("\nArgs:\n")[2].partition("\n\n")[0]
                named = re.findall(r"^    (\w+):", told, re.MULTILINE)
                real = {argument.arg for argument in ast.walk(node.args) if isinstance(argument, ast.arg)}
                gone += [f"{path.relative_to(ROOT)}: {node.name} has no {name}" for name in {*named} - real]
    assert not gone, "\n".join(gone)
