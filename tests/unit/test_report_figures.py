"""Charts are drawn of whatever numbers there are."""

import pytest

from stages.report import figures
from stages.report.metrics import Interval


class Scores:
    """One method whose measure has a value, but no interval: as with a single resample that drew nothing."""

    titles = {"soft_prompt": "Soft prompt"}  # noqa: RUF012
    methods = ("soft_prompt",)

    def interval(self, method: str, measure: str) -> Interval:
        return Interval(0.5, float("nan"), float("nan"))


@pytest.mark.parametrize("cost", ["prompt_tokens", "stored_bytes"])
def test_a_value_without_an_interval_is_a_dot(cost: str):
    costs = {"soft_prompt": {"prompt_tokens": 20.0, "stored_bytes": 15192.0}}
    assert "<circle" in figures.cost_quality(Scores(), costs, cost, "cost", "recognition.weighted")
