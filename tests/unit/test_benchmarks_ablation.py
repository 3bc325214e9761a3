from tests.benchmarks.ablation import MEASURES, table


def test_the_table_gives_mean_and_range_over_seeds():
    runs = [dict.fromkeys(MEASURES, value) for value in (0.5, 0.7)]
    lines = table({"conversations": runs}, ["0", "1"]).splitlines()
    assert "Mean over seeds 0, 1" in lines[2]
    assert lines[-1] == "| conversations |" + " 0.600 (0.500 to 0.700) |" * len(MEASURES)
