"""Time and memory of phases are logged for who asks, and for nobody else."""

import re
from pathlib import Path

import pytest

from common.core import paths
from tests.support.helpers import run_stage, set_params
from tests.support.subjects import populate

LINE = re.compile(r"^\S+ \S+ (.+): \d+\.\d s, peak memory [\d,]+ MB$", re.MULTILINE)


@pytest.fixture
def prepared(workspace: Path) -> None:
    """One subject with everything that assemble reads."""
    populate({"bo": "world"})
    set_params({"subjects": {"bo": {"kind": "pet", "source": "world"}}})


def test_phases_are_logged_when_the_environment_asks_and_outputs_stay_the_same(prepared: None):
    silent = run_stage("assemble")
    made = paths.dataset("bo").read_bytes()
    logged = run_stage("assemble", PERSONAL_VLM_LOG="1")
    assert (silent.returncode, logged.returncode) == (0, 0), silent.stderr + logged.stderr
    assert not LINE.findall(silent.stderr)
    assert LINE.findall(logged.stderr) == ["assemble (1)", "all of assemble"]
    assert paths.dataset("bo").read_bytes() == made
