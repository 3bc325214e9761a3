"""What `make` says where it cannot set up, what it sets up for DVC's plots, and what `make quick` runs."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides

from common.core import params
from tests.support.forked import dvc
from tests.support.helpers import ROOT, set_params

REFUSAL = "is not a Python 3.11: install one or name it as in `make repro PYTHON=/path/to/python3.11`"


@pytest.mark.parametrize("python", ["no-such-python", "false"], ids=["absent", "another version"])
def test_a_python_that_is_not_ours_is_refused_with_the_remedy(python: str, tmp_path: Path):
    for name in ("Makefile", "requirements.lock", "setup.lock"):
        shutil.copy(ROOT / name, tmp_path)
    done = subprocess.run(["make", "repro", f"PYTHON={python}"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {python} {REFUSAL}\n")
    assert not (tmp_path / ".venv").exists()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What Make and DVC's plots need of the repository, with this Python in the place of .venv's."""
    for name in (
        "Makefile",
        "requirements.lock",
        "setup.lock",
        "dvc.yaml",
        "reports/dvc.yaml",
        "params.yaml",
        "prompts.yaml",
        ".dvc/config",
        ".dvc/plots.html",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    if (ROOT / ".git").exists():  # what is committed: `make quick` edits the file
        shown = subprocess.run(["git", "show", "HEAD:params.yaml"], cwd=ROOT, check=True, capture_output=True)
        (tmp_path / "params.yaml").write_bytes(shown.stdout)
    shutil.copytree(ROOT / "reports/plots", tmp_path / "reports/plots")
    python = tmp_path / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    (tmp_path / ".venv/installed.lock").touch()
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_plots_of_dvc_load_nothing_from_the_network(repository: Path):
    subprocess.run(["make", ".venv/plots.html"], check=True, capture_output=True)
    dvc("plots", "show", "--out", "shown")
    page = Path("shown/index.html").read_text()
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)
    drawn = re.findall(r"vegaEmbed\('#([\w-]+)'", page)
    assert len(drawn) == len(set(drawn)) >= 6  # those of reports/dvc.yaml
    assert "window.vegaEmbed=" in page  # which they are drawn with


def test_quick_is_refused_where_params_have_changes_that_it_would_mix_with(repository: Path):
    Path(".venv/plots.html").touch()
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    for words in (["add", "params.yaml"], [*identity, "commit", "-q", "-m", "-"]):
        subprocess.run(["git", *words], check=True)
    set_params({"train.epochs": 3})
    done = subprocess.run(["make", "quick"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("error: params.yaml has changes (those of an earlier `make quick`?): ")
    assert not Path("data").exists()


def test_quick_is_the_pipeline_with_three_subjects_and_one_method_beside_the_soft_prompt(repository: Path):
    run = subprocess.run(["make", "-n", "quick"], check=True, capture_output=True, text=True).stdout
    words = shlex.split(next(line for line in run.splitlines() if "dvc exp run" in line))
    assert words[:5] == [".venv/bin/dvc", "exp", "run", "--name", "quick"]
    assert set(words[5::2]) == {"--set-param"}
    whole = params.load()
    apply_overrides("params.yaml", words[6::2])  # as DVC does
    small = params.load()  # so every key is known, and every value possible
    ours = {name for name, subject in small.subjects.items() if subject.source == "world"}
    assert ours == {"bo", "rex", "spire"} and "training_free" in small.methods
    assert not {"lora", "reference_photo", "myvlm"} & set(small.methods)
    assert small.base == whole.base and small.presets == whole.presets and small.seed == whole.seed
