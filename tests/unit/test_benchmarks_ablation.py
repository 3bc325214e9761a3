"""What a series of experiments is summed up to, and how it is named."""

import re
import shutil
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides
from ruamel.yaml import YAML

from benchmarks.ablation import FURTHER, PUBLISHED, STUDIES, _name, main
from benchmarks.ablation_report import ASKED, MEASURES, by_method, curve, methods_table, summary, table
from common import methods
from common.core import params
from common.core.errors import UserError
from tests.support.helpers import ROOT


def run(value: float | None) -> dict:
    """An experiment in which every measure has this value, known to a tenth."""
    interval = {"value": value, "low": value and value - 0.3, "high": value and value + 0.4}
    methods = {"majority": interval, "soft_prompt": interval}
    measured = dict.fromkeys({*MEASURES, *ASKED}, methods)
    return {
        "metrics": {"subjects.n": 12},
        "intervals": {"estimates": measured, "soft_prompt_minus": measured},
    }


def test_a_step_is_the_mean_over_seeds_and_keeps_every_metric_of_each():
    found = summary({"0": run(0.5), "1": run(0.7)})
    by_seed = {"0": 0.5, "1": 0.7}
    low, high = 0.6 - 0.3 / 2**0.5, 0.6 + 0.4 / 2**0.5
    assert found["estimates"]["questions.text"] == {
        "value": 0.6,
        "low": pytest.approx(low, abs=1e-4),
        "high": pytest.approx(high, abs=1e-4),
        "by_seed": by_seed,
    }
    assert found["metrics"]["1"] == run(0.7)["metrics"]


def test_the_table_gives_mean_interval_and_range_over_seeds():
    found = {step: summary({"0": run(0.5), "1": run(0.7)}) for step in ("one", "two")}
    lines = table("Steps", found, ["0", "1"]).splitlines()
    assert lines[0] == "# Steps" and "Means over seeds 0, 1," in lines[2]
    assert "| one |" + " 0.600 (0.388 to 0.883)<br>0.500 to 0.700 |" * len(MEASURES) in lines


def test_the_study_of_lora_is_about_lora_and_what_it_keeps(tmp_path: Path):
    """Every step is one that the pipeline takes, and its row has LoRA's numbers, not the soft prompt's."""
    study = STUDIES["lora"]
    for changes in study.steps.values():
        changed = tmp_path / "params.yaml"
        shutil.copy(ROOT / "params.yaml", changed)
        apply_overrides(changed, list(changes))
        params.load(changed)
    one = run(0.5)
    lora = {"value": 0.9, "low": 0.6, "high": 1.0}
    one["intervals"]["estimates"] = {
        measure: {"soft_prompt": None, "lora": lora} for measure in study.measures
    }
    found = {step: summary({"0": one}, study.method, study.measures) for step in study.steps}
    lines = table(study.title, found, ["0"]).splitlines()
    assert any("questions.text | general.pope.accuracy | general.mmbench.accuracy" in line for line in lines)
    assert "| one epoch |" + " 0.900 (0.600 to 1.000)<br>0.900 to 0.900 |" * 4 in lines


def test_what_a_seed_has_not_measured_is_not_averaged():
    lines = table("Steps", {"one": summary({"0": run(0.5), "1": run(None)})}, ["0", "1"]).splitlines()
    assert "| one |" + " n/a |" * len(MEASURES) in lines


def test_methods_come_before_controls():
    found = by_method({"0": run(0.5), "1": run(0.7)})
    rows = [line.split(" | ")[0] for line in methods_table("Methods", found, ["0", "1"]).splitlines()]
    assert [row for row in rows if row in ("| soft_prompt", "| majority")] == [
        "| soft_prompt",
        "| majority",
    ] * 2


def test_a_curve_is_drawn_alike_again_and_shows_every_measure():
    found = {step: summary({"0": run(0.5), "1": run(0.7)}) for step in ("1", "4", "16")}
    svg = curve(found, "latent tokens")
    assert svg == curve(found, "latent tokens")
    assert svg.count(b"<!-- ") >= len(MEASURES) and b"latent tokens" in svg


def test_experiments_have_different_names_that_dvc_takes():
    changes = {step for study in STUDIES.values() for step in study.steps.values()}
    names = {_name(step, "0") for step in changes}
    assert len(names) == len(changes) and all(re.fullmatch(r"[a-z0-9-]+", name) for name in names)
    with pytest.raises(UserError, match="with studies ladder"):
        main("lader", "0")


@pytest.mark.parametrize(("study", "file"), [("further", FURTHER), ("published", PUBLISHED)])
def test_dvc_adds_methods_as_they_are_written_and_the_pipeline_takes_them(
    study: str, file: Path, tmp_path: Path
):
    changed = tmp_path / "params.yaml"
    shutil.copy(ROOT / "params.yaml", changed)
    (changes,) = STUDIES[study].steps.values()
    apply_overrides(changed, list(changes))
    yaml = YAML(typ="safe")
    sections, written = yaml.load(changed)["methods"], yaml.load(file)
    assert len(written) > 2 and {name: sections[name] for name in written} == written
    assert methods.check(params.load(changed).methods) == []


def test_published_methods_have_the_published_numbers():
    sections = YAML(typ="safe").load(PUBLISHED)
    lora = sections["lora_published"]
    assert (lora["rank"], lora["alpha"], lora["dropout"]) == (128, 256, 0.05)
    assert (lora["learning_rate"], lora["projector_learning_rate"], lora["warmup"]) == (2e-4, 2e-5, 0.03)
    assert (lora["epochs"], lora["batch_size"], lora["weight_decay"]) == (1, 16, 0.0)
    captions, questions = (sections[name]["embedding"] for name in ("myvlm_published", "myvlm_vqa_published"))
    assert captions | {"penalty_weight": 10.0} == questions and captions["penalty_weight"] == 0.0075
    assert (captions["learning_rate"], captions["clip"]) == (1.0, 0.05)
    assert (captions["steps"], captions["batch_size"]) == (100, 4)
    head = sections["myvlm_published"]["head"]
    assert (head["steps"], head["batch_size"], head["learning_rate"], head["clip"]) == (500, 16, 0.001, 0.1)
