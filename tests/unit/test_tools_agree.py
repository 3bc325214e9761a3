import pytest

from tools.agree import compare, unshared_methods, without


def value(value: float | None, half_width: float = 0.0) -> dict[str, float | None]:
    if value is None:
        return dict.fromkeys(("value", "low", "high"))
    return {"value": value, "low": value - half_width, "high": value + half_width}


def names(lines: list[str]) -> list[str]:
    return [line.split()[0] for line in lines]


def test_each_metric_may_differ_by_what_both_intervals_allow():
    expected = {"sure": value(0.90, 0.03), "vague": value(0.90, 0.12), "exact": value(1000)}
    same = compare(expected, expected, 1.0)
    assert same.apart == [] and same.count == 3 and same.share == 0
    moved = {"sure": value(0.86, 0.03), "vague": value(0.80, 0.16), "exact": value(1000)}
    done = compare(expected, moved, 1.0)  # .04 of .0424, .10 of .20
    assert done.apart == [] and done.farthest == "sure"
    assert done.share == pytest.approx(0.04 / 0.0425, abs=0.01)
    assert names(compare(expected, moved, 0.5).apart) == ["sure"]
    assert names(compare(expected, expected | {"exact": value(999)}, 1.0).apart) == ["exact"]


def test_what_only_one_of_both_has_is_a_difference():
    expected = {"unknown": value(None), "gone": value(0.5), "rate": value(0.5)}
    found = {"unknown": value(0.1), "new": value(1), "rate": value(0.5)}
    assert names(compare(expected, found, 1.0).apart) == ["gone", "new", "unknown"]


def test_methods_that_only_one_of_both_has_are_not_compared():
    expected = {"rate": value(0.5), "methods.lora.pope": value(0.6), "methods.free.pope": value(0.6)}
    found = {"rate": value(0.5), "methods.free.pope": value(0.6), "methods.gpt.pope": value(0.7)}
    left_out = unshared_methods(expected, found)
    assert left_out == ["gpt", "lora"]
    assert without(expected, left_out) == without(found, left_out) == {
        "rate": value(0.5), "methods.free.pope": value(0.6)
    }  # fmt: skip
    assert unshared_methods(expected, {"rate": value(0.5)}) == ["free", "lora"]
