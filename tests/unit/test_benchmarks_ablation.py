from tests.benchmarks.ablation import BY_SEED, MEASURES, summary, table


def run(value: float | None) -> dict:
    """An experiment in which every measure has this value, known to a tenth."""
    interval = {"value": value, "low": value and value - 0.1, "high": value and value + 0.1}
    return {
        "metrics": dict.fromkeys(BY_SEED, value) | {"subjects.n": 12},
        "intervals": {"estimates": {measure: {"soft_prompt": interval} for measure in MEASURES}},
    }


def test_a_step_is_the_mean_over_seeds_and_keeps_every_metric_of_each():
    found = summary({"0": run(0.5), "1": run(0.7)})
    assert found["estimates"]["questions.text"] == {"value": 0.6, "low": 0.5, "high": 0.7}
    assert found["metrics"]["1"] == run(0.7)["metrics"]


def test_the_table_gives_mean_interval_and_range_over_seeds():
    found = {step: summary({"0": run(0.5), "1": run(0.7)}) for step in ("conversations", "hard-negatives")}
    lines = table(found, ["0", "1"]).splitlines()
    assert "Means over seeds 0, 1;" in lines[2]
    assert "| conversations |" + " 0.600 (0.500 to 0.700)<br>0.500 to 0.700 |" * len(MEASURES) in lines
    assert lines[-len(BY_SEED) :] == [f"| {measure} | 0.500 | 0.700 |" for measure in BY_SEED]


def test_what_a_seed_has_not_measured_is_not_averaged():
    lines = table({"hard-negatives": summary({"0": run(0.5), "1": run(None)})}, ["0", "1"]).splitlines()
    assert "| hard-negatives |" + " n/a |" * len(MEASURES) in lines
    assert lines[-1].endswith("| 0.500 | n/a |")
