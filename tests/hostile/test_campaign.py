"""A small part of the campaign, with the same inputs each time; `make hostile` tries many more."""

from pathlib import Path
from random import Random

import pytest

from tests.hostile import campaign, disks, endurance, pipeline


@pytest.mark.parametrize("kind", campaign.KINDS)
def test_hostile_inputs_end_as_promised(kind: str, tmp_path: Path):
    with campaign.prepared(tmp_path / "work"):
        count = campaign.run(kind, examples=15)
    assert count.tried >= 10 and not count.failed, count.examples


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> pipeline.Pipeline:
    return pipeline.made(tmp_path_factory.mktemp("hostile") / "pipeline", last="render")


@pytest.mark.slow
@pytest.mark.parametrize("name", endurance.ATTEMPTS)
def test_a_stage_outlives_what_is_done_to_it(name: str, rendered: pipeline.Pipeline):
    if name in endurance.MOUNTED and not disks.may_mount():
        pytest.skip("needs the right to mount a disk")
    endurance.ATTEMPTS[name](rendered, rendered.stages[-1], Random(name))
