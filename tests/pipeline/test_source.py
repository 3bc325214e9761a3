"""The reader of source code that the DAG's test relies on sees what it should."""

from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.pipeline import source
from tests.support.helpers import ROOT

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


def test_no_module_imports_itself_through_others():
    """Imports in functions count; those for types alone do not, nor a package's own that hold it together."""
    files = [path for room in source.OURS for path in (ROOT / room).glob("**/*.py")]
    imported = {
        file: {
            other
            for other in source.imports(file)
            if other != file and not (other.name == "__init__.py" and other.parent in file.parents)
        }
        for file in files
    }
    TopologicalSorter(imported).prepare()  # CycleError names the circle
