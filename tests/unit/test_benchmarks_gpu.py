"""The call that measures on a GPU, rehearsed with tiny models: its files, its limit, and what fails in it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks import data, gpu, gpu_plan, models, ours, report
from benchmarks.gpu_call import Call
from common.core.errors import UserError
from tests.support.helpers import ROOT

TINY = tuple(gpu_plan.REHEARSAL.models)
ABSENT = ("bitsandbytes", "clip_retrieval", "datasets", "dvc", "faiss", "img2dataset")  # where a GPU is lent
WITHOUT_THEM = f"""
import runpy, sys
sys.modules |= dict.fromkeys({ABSENT!r})  # importing one raises, as where there is none
runpy.run_module("benchmarks.gpu", run_name="__main__", alter_sys=True)
"""


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Call]:
    """Makes a call that began now, with an hour's time."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(data, "NOISE", tmp_path / "noise")
    return lambda limit=3600.0: Call(tmp_path, "call", {}, limit, time.time())


def entries(folder: Path) -> dict[str, dict]:
    return json.loads((folder / "call.json").read_text())["parts"]


def test_the_whole_call_runs_without_the_packages_that_are_absent_and_writes_what_a_cpu_writes(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_THEM, "--rehearse", "--limit", "3600"],
        cwd=ROOT,
        env=os.environ | {"BENCH_COMMIT": "abc", "BENCH_FOLDER": str(tmp_path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    parts = json.loads((tmp_path / "call-cpu.json").read_text())["parts"]
    assert not [part for part, entry in parts.items() if {"failed", "left_out"} & entry.keys()]
    assert len(list(tmp_path.iterdir())) == 1 + len(TINY) * len(gpu_plan.BENCHMARKS)
    for benchmark in gpu_plan.BENCHMARKS:
        usual = json.loads((ROOT / report.FOLDER / f"{benchmark.name}-cpu-llava-1.5-25m.json").read_text())
        errors = {key for key in usual if "error" in key or "identical" in key}
        for model in TINY:
            found = json.loads((tmp_path / f"{benchmark.name}-cpu-{model}.json").read_text())
            assert found.keys() == usual.keys() | {f"{key}_bfloat16" for key in errors}
            assert found["commit"] == "abc" and found["model"] == model and found["dtype"] == "bfloat16"
            for name in benchmark.systems:
                assert found[name].keys() == usual[name].keys()
                assert len(found[name]["rounds"]) == gpu_plan.ROUNDS
                assert 0 < found[name]["steps_timed"] < found[name]["steps"]
                assert found[name]["flops"] > 0
            assert all(found[f"speedup{end}"] > 0 for end in benchmark.ratios)
            assert found.get("max_relative_gradient_error") or benchmark.name != "token_training"
            assert (found["max_relative_gradient_error"] or 0) < 1e-4  # float32's rounding


def test_every_system_has_its_place_in_the_call():
    for benchmark in gpu_plan.BENCHMARKS:
        assert gpu_plan.NEEDS[benchmark.name].keys() == benchmark.systems.keys()
    for scale in (gpu_plan.GPU, gpu_plan.REHEARSAL):
        assert scale.models.keys() <= models.ARCHITECTURES.keys()
        assert scale.timed.keys() == scale.counted.keys() == gpu_plan.NEEDS.keys()


def test_nothing_begins_that_would_not_end(call, tmp_path):
    limited = call(limit=30.0)
    assert limited.take("long", 31, lambda: pytest.fail("began")) is None
    assert limited.take("short", 1, lambda: 7) == 7
    assert entries(tmp_path)["long"]["left_out"] == "may take 31 s, 30 s were left"
    assert limited.named("left_out") == ["long"]


def test_without_time_nothing_begins_and_it_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    said = gpu.main("--rehearse", "--limit", "0", "--out", str(tmp_path))
    assert said.startswith(f"0 parts in {tmp_path}, left out for lack of time: {TINY[0]}: two layers made; ")
    assert [path.name for path in tmp_path.iterdir()] == ["call-cpu.json"]


def test_a_part_that_fails_is_recorded_and_the_others_go_on(call, tmp_path, monkeypatch):
    def fails(*_: object) -> None:
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(ours, "interview", fails)
    monkeypatch.setattr(gpu_plan, "BENCHMARKS", gpu_plan.BENCHMARKS[:0:-1])  # synthesis, evaluation
    scale = replace(gpu_plan.REHEARSAL, counted=gpu_plan.REHEARSAL.timed)
    made = call()
    gpu_plan.measure(made, TINY[1], scale)
    assert f"{TINY[1]}: synthesis: ours, counted" in made.named("failed")
    assert entries(tmp_path)[f"{TINY[1]}: synthesis: exactness"]["failed"] == "RuntimeError: no such kernel"
    synthesis, evaluation = (
        json.loads((tmp_path / f"{name}-cpu-{TINY[1]}.json").read_text())
        for name in ("synthesis", "evaluation")
    )
    assert (
        "ours" not in synthesis and "speedup" not in synthesis and "fraction_of_peak_flops" not in synthesis
    )
    assert synthesis["reference"]["seconds"] > 0 and evaluation["speedup"] > 0
    with pytest.raises(UserError, match=r"failed, the others are in .*: synthesis: exactness; "):
        gpu.closing(made)


def test_a_call_that_is_stopped_keeps_what_it_has(call, tmp_path):
    def stopped() -> None:
        raise KeyboardInterrupt

    made = call()
    made.take("first", 1, lambda: 1)
    made.note("first", found=2.0)
    with pytest.raises(KeyboardInterrupt):
        made.take("second", 1, stopped)
    assert entries(tmp_path)["first"]["found"] == 2.0


def test_without_a_gpu_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="make bench"):
        gpu.main()
