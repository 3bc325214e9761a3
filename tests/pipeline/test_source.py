"""The reader of source code that the DAG's test relies on sees what it should."""

from pathlib import Path

import pytest

from tests.pipeline import source

MAIN = """
from stages.core import params
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
    monkeypatch.setattr(source, "STAGES", tmp_path / "stages")
    for name in (
        "__init__",
        "core/__init__",
        "core/params",
        "core/io",
        "core/seed",
        "vlm/__init__",
        "vlm/load",
    ):
        file = tmp_path / f"stages/{name}.py"
        file.parent.mkdir(exist_ok=True, parents=True)
        file.touch()
    (tmp_path / "stages/some").mkdir()
    return tmp_path / "stages/some"


def test_reads_through_local_names_calls_and_loops(package: Path):
    (package / "__main__.py").write_text(MAIN)
    world = {"corpus", "sibling_photos", "subjects", "test_photos", "train_photos"}
    assert source.params_read("some") >= {f"world.{key}" for key in world} | {
        "report.examples",
        "seed",
        "subjects",
        "subjects.${key}",
        "train.data.easy",
        "train.latent_tokens",
    }
    assert not {"train.epochs", "train.data.hard", "threads"} & source.params_read("some")


def test_imports_count_wherever_they_stand(package: Path):
    (package / "__init__.py").touch()
    (package / "a.py").write_text("def f():\n    from stages.core import io\n")
    (package.parent / "core/io.py").write_text("import stages.core.seed\n")
    (package / "b.py").write_text("from stages.vlm.load import load\n")
    assert source.code_deps("some") == {
        "stages/some",
        "stages/core/io.py",
        "stages/core/seed.py",
        "stages/vlm",
    }
    (package / "b.py").unlink()
    assert "stages/vlm" not in source.code_deps("some")
