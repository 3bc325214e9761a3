"""The reader of source code that the DAG's test relies on sees what it should."""

from pathlib import Path

import pytest

from tests.pipeline import source
from tests.support.helpers import ROOT
from tools.imports import circles

MAIN = """
from common.core import params
def main(word):
    p = params.load()
    trained = p.train
    subject = p.subject(word)
    for name, one in sorted(p.subjects.items()):
        print(name, one.kind, {**options(p.world), "k": trained.latent_tokens}, table[p.seed])
    if p.report.examples:
        return f"{trained.data.easy}"
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(source, "ROOT", tmp_path)
    for name in (
        "core/__init__",
        "core/io",
        "core/seed",
        "prompts/a",
        "prompts/b",
        "vlm/__init__",
        "vlm/load",
    ):
        file = tmp_path / f"common/{name}.py"
        file.parent.mkdir(exist_ok=True, parents=True)
        file.touch()
    (tmp_path / "stages/some").mkdir(parents=True)
    return tmp_path / "stages/some"


def test_reads_through_local_names_calls_and_loops(package: Path):
    (package / "__main__.py").write_text(MAIN)
    world = {"corpus", "lookalike_photos", "subjects", "test_photos", "train_photos"}
    assert source.params_read("stages/some") >= {f"world.{key}" for key in world} | {
        "report.examples",
        "seed",
        "subjects",
        "subjects.${key}",
        "train.data.easy",
        "train.latent_tokens",
    }
    unread = {"train.epochs", "train.data.hard", "threads"}
    assert not unread & source.params_read("stages/some")


def test_imports_count_wherever_they_stand(package: Path):
    (package / "__init__.py").touch()
    (package / "a.py").write_text("def f():\n    from common.core import io\n")
    (source.ROOT / "common/core/io.py").write_text("import common.core.seed\n")
    (package / "b.py").write_text("from common.vlm.load import load\n")
    assert source.code_deps("stages/some") == {"stages/some", "common/core", "common/vlm"}
    (package / "b.py").write_text("from common.prompts.b import QUESTION\n")
    assert source.code_deps("stages/some") == {"stages/some", "common/core", "common/prompts/b.py"}


@pytest.mark.parametrize("for_types", [False, True])
def test_no_module_imports_itself_through_others(for_types: bool):
    """Imports in functions count, and so do those for types alone."""
    assert circles(ROOT, (*source.OURS, "benchmarks", "tools"), for_types) == []


def test_a_circle_is_found_with_those_who_are_in_it(package: Path):
    for_types = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    "
    texts = {"a": "from stages.some import b", "b": "import stages.some.c", "c": "import common.core.io"}
    for name, text in texts.items():
        (package / f"{name}.py").write_text(f"{text}\n")
    assert circles(source.ROOT, source.OURS, for_types=True) == []
    (package / "c.py").write_text(f"{for_types}from stages.some import a\n")
    assert circles(source.ROOT, source.OURS) == []
    in_it = [[f"stages/some/{name}.py" for name in "abc"]]
    assert circles(source.ROOT, source.OURS, for_types=True) == in_it
