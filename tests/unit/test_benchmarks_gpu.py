"""What a call on a GPU still has to do. The steps themselves are tested as benchmarks, with tiny sizes."""

import json
from importlib import import_module
from pathlib import Path

import pytest
import torch

from stages.core.errors import UserError
from tests.benchmarks import gpu, models, report


def test_every_step_on_a_gpu_can_be_called() -> None:
    for step in gpu.STEPS:
        assert callable(import_module(f"tests.benchmarks.{step.benchmark}").main)
        assert step.model in models.ARCHITECTURES
        assert step.needs < gpu.LIMIT
    assert sum(step.needs for step in gpu.STEPS) <= 30 * 60


def test_a_step_is_taken_once_for_each_commit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(report, "FOLDER", tmp_path)
    step, cpu = gpu.STEPS[0], torch.device("cpu")
    assert not step.done(cpu)
    target = report.path(step.benchmark, cpu, step.model)
    target.write_text(json.dumps({"commit": "another"}))
    assert not step.done(cpu)
    target.write_text(json.dumps({"commit": report.commit()}))
    assert step.done(cpu)


def test_without_a_gpu_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="make bench"):
        gpu.main()
