"""A small part of the campaign, with the same inputs each time; `make hostile` tries many more."""

from pathlib import Path

import pytest

from tests.hostile import campaign


@pytest.mark.parametrize("kind", campaign.KINDS)
def test_hostile_inputs_end_as_promised(kind: str, tmp_path: Path):
    with campaign.prepared(tmp_path / "work"):
        count = campaign.run(kind, examples=15)
    assert count.tried >= 10 and not count.failed, count.examples
