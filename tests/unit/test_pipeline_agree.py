from tests.pipeline.agree import differences


def test_rates_by_difference_counts_by_share_and_nothing_missing():
    expected = {"rate": 0.90, "count": 1000, "unknown": None, "gone": 0.5}
    assert differences(expected, expected, 0.03) == []
    assert differences(expected, expected | {"rate": 0.88, "count": 1020}, 0.03) == []
    found = {"rate": 0.86, "count": 1040, "unknown": 0.1, "new": 1}
    assert [line.split()[0] for line in differences(expected, found, 0.03)] == [
        "count",
        "gone",
        "new",
        "rate",
        "unknown",
    ]
