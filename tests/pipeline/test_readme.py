"""The README files keep up with what they are made from, name what exists, and what they print runs."""

import re
import subprocess
from pathlib import Path

import pytest

from common.core import io
from tests.pipeline import source
from tests.support.helpers import ROOT
from tools import readme, readme_costs
from tools.markdown import span
from tools.readme_results import results

FILES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *(ROOT / folder / "README.md" for folder in ("stages", "data", "models", "reports")),
]
TEXTS = {path.relative_to(ROOT): path.read_text() for path in FILES}
ALL = "\n".join(TEXTS.values())


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)


@pytest.fixture
def committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The last commit's README files and reports: a run on another machine may have changed those here."""
    files = subprocess.run(
        ["git", "archive", "HEAD", "README.md", "reports"], check=True, capture_output=True
    )
    subprocess.run(["tar", "-x", "-C", tmp_path], input=files.stdout, check=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def part(name: str) -> str:
    path = readme.PARTS[name].path
    text = path.read_text()
    start, end = span(text, name, path)
    return text[start:end]


def test_the_graph_is_that_of_dvc_yaml():
    assert part("graph") == readme.graph(), "run `make readme`"


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs a git checkout")
@pytest.mark.usefixtures("committed")
@pytest.mark.parametrize("name", ["dialog", "speed", "details", "results", "photographs", "paper"])
def test_generated_parts_are_those_of_the_committed_reports(name: str):
    written = part(name)
    commit = re.search(r"^Commit `(\w+)`", written)
    made = results(*commit.groups()) if name == "results" and commit else readme.PARTS[name].make()
    assert written == made, "commit reports/, run `make readme`, and commit what it wrote"


def test_the_first_page_is_short():
    assert len(TEXTS[Path("README.md")].splitlines()) <= 220


def test_costs_are_those_of_methods_with_the_seconds_of_those_that_were_timed(tmp_path, monkeypatch):
    cost = {"trainable": 3456, "stored_bytes": 15192, "prompt_tokens": 20.0}
    methods = [
        {"name": name, "title": name.title(), "control": name == "base"} | cost
        for name in ("soft_prompt", "rival", "base")
    ]
    monkeypatch.setattr(readme_costs, "TIMES", tmp_path / "times.json")
    assert readme_costs.costs(methods).splitlines()[2:] == [
        "| Soft_Prompt | 3,456 | 15.2 kB | 20 |", "| Rival | 3,456 | 15.2 kB | 20 |"
    ]  # fmt: skip
    taken = {"subject_seconds": 7.25, "subject_seconds_range": [7, 8]}
    taken |= {"answer_seconds": 0.005, "answer_seconds_range": [0.004, 0.006]}
    io.write_json(readme_costs.TIMES, {"commit": "0123456789", "methods": {"rival": taken}})
    assert readme_costs.costs(methods).splitlines()[4:] == [
        "| Soft_Prompt | 3,456 | 15.2 kB | 20 |  |  |",
        "| Rival | 3,456 | 15.2 kB | 20 | 7.2 (7.0 to 8.0) | 5.0 (4.0 to 6.0) |",
    ]


def test_every_target_they_name_is_in_the_makefile():
    targets = set(re.findall(r"^([a-z-]+):", Path("Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z]+-?[a-z]*)`", ALL)) | set(
        re.findall(r"^make ([a-z-]+)", ALL, re.MULTILINE)
    )
    assert {"quick", "repro", "test", "ablation"} <= named <= targets


def test_every_module_they_run_exists():
    for module in re.findall(r"python -m ([\w.]*\w)\b(?!\.<)", ALL):
        path = ROOT.joinpath(*module.split("."))
        assert (path / "__main__.py").exists() or path.with_suffix(".py").exists(), module


def test_every_stage_is_explained():
    for package in (*source.packages("stages"), *source.packages("commands")):
        assert f"`{package}/`" in ALL, package


def test_every_link_leads_somewhere():
    for file, text in TEXTS.items():
        for link in re.findall(r"\]\(([\w./-]+)\)", text):
            assert (ROOT / file.parent / link).exists(), (file, link)
