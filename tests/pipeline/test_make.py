"""What `make` says where it cannot set up."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.helpers import ROOT

REFUSAL = "is not a Python 3.11: install one or name it as in `make repro PYTHON=/path/to/python3.11`"


@pytest.mark.parametrize("python", ["no-such-python", "false"], ids=["absent", "another version"])
def test_a_python_that_is_not_ours_is_refused_with_the_remedy(python: str, tmp_path: Path):
    for name in ("Makefile", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    done = subprocess.run(["make", "repro", f"PYTHON={python}"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {python} {REFUSAL}\n")
    assert not (tmp_path / ".venv").exists()
