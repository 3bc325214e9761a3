"""`python -m commands` and `python -m stages` list all that can be run."""

import subprocess
import sys

import pytest

from tests.support.helpers import ROOT


@pytest.mark.parametrize("words", [["commands"], ["commands", "--help"], ["stages", "--help"]])
def test_every_command_and_stage_has_its_line(words: list[str]):
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for main in [*ROOT.glob("commands/*/__main__.py"), *ROOT.glob("stages/*/__main__.py")]:
        name = f"python -m {main.parent.parent.name}.{main.parent.name} "
        (line,) = [line for line in done.stdout.splitlines() if line.strip().startswith(name)]
        assert len(line.split()) > 5, line
