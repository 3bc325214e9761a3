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


@pytest.mark.parametrize("asked", [((), {"PERSONAL_VLM_LOG": "1"}), (("--verbose",), {})])
def test_phases_are_logged_when_somebody_asks_and_outputs_stay_the_same(
    asked: tuple[tuple[str, ...], dict[str, str]], prepared: None
):
    words, environment = asked
    silent = run_stage("assemble")
    made = paths.dataset("bo").read_bytes()
    logged = run_stage("assemble", *words, **environment)
    assert (silent.returncode, logged.returncode) == (0, 0), silent.stderr + logged.stderr
    assert not LINE.findall(silent.stderr)
    assert LINE.findall(logged.stderr) == ["assemble (1)", "all of assemble"]
    assert paths.dataset("bo").read_bytes() == made


def test_a_command_that_reads_its_own_options_takes_the_word_too(prepared: None):
    done = run_stage("convert", "--verbose", "--help")
    assert (done.returncode, done.stderr) == (0, "") and "llava" in done.stdout
