"""The code speaks the field's words: names that only this repository used are gone for good."""

import ast
import io
import re
import tokenize

import pytest

from tests.support.helpers import ROOT

GONE = {
    *("Lesson", "told_rightly", "Learner", "scored_at_once", "small_lesson", "Laid", "GrowingCache"),
    *("whole_head", "seeing", "Illustrated", "PhotoCache", "opening", "Pace", "Answering", "ToldSettings"),
    *("Signals", "Exam", "of_two", "validation_negatives", "together_photos", "sibling", "siblings"),
    *("SIBLINGS", "sibling_folders", "sibling_photos", "Listed", "Course", "Ask", "asks", "cue", "later"),
    *("lay", "packs", "learners", "widest", "Room", "Tools", "opener", "splice", "appended", "spare"),
    *("inline", "INLINE", "check_inline", "Stored", "Talk", "Similarity", "NonNegativeFloat"),
}
FOLDERS = ("stages", "common", "commands", "benchmarks", "tools", "tests")
MODULES = {
    *("splice", "store", "inline", "appended", "listed", "opener", "truth", "material", "wording", "exam"),
    *("chats", "choices", "talk", "gates", "together"),
}


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_name_of_the_private_dialect_is_left(folder: str):
    found = []
    for path in sorted((ROOT / folder).glob("**/*.py")):
        for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
            if token.type == tokenize.NAME and token.string in GONE:
                found.append(f"{path.relative_to(ROOT)}:{token.start[0]} {token.string}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_module_of_the_private_dialect_is_left(folder: str):
    assert not [path for path in (ROOT / folder).glob("**/*.py") if path.stem in MODULES]


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
