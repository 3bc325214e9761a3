"""A stage that learns a method in two processes, as its section says."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from common.core import paths
from tests.support.helpers import ROOT, run_here, set_params
from tests.support.lora_subjects import SUBJECTS, files, prepare


@pytest.mark.slow
def test_the_section_says_how_many_processes_learn(
    workspace: Path,
    tiny_llava: Path,
    clip_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The same adapters but for rounding; one closing line; and one sentence where that cannot be."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    prepare(tiny_llava, clip_folder)
    set_params({"threads": 1, "methods.lora.dropout": 0.0})
    assert run_here("fit_baseline", "lora").returncode == 0
    alone = {name: load_file(paths.fitted("lora") / name / "adapter_model.safetensors") for name in SUBJECTS}

    set_params({"methods.lora.processes": 2})
    done = run_here("fit_baseline", "lora")
    assert done.returncode == 0, done.stderr
    said = done.stderr + capfd.readouterr().err  # the processes say it themselves
    assert said.count("fit_baseline: lora: 2 subjects") == 1 and "Traceback" not in said
    for name in SUBJECTS:
        told = json.loads((paths.fitted("lora") / name / "training.json").read_text())
        assert told["training"]["processes"] == 2
        for key, value in load_file(paths.fitted("lora") / name / "adapter_model.safetensors").items():
            torch.testing.assert_close(value, alone[name][key], rtol=1e-3, atol=1e-4)
    assert not list(paths.CHECKPOINTS.glob("*"))

    Path("gpus.yaml").write_text(
        "compute_environment: LOCAL_MACHINE\ndistributed_type: FSDP\nfsdp_config: {fsdp_version: 2}\n"
        "mixed_precision: 'no'\nnum_machines: 1\nnum_processes: 8\n"
    )
    before = files(paths.fitted("lora"))
    set_params({"methods.lora.accelerate": "gpus.yaml"})
    done = run_here("fit_baseline", "lora")
    said = capfd.readouterr().err
    assert done.returncode == 1 and "Traceback" not in said and "error: FSDP needs GPUs" in said
    assert "error: one of 2 processes of `stages.fit_baseline lora` failed, see above" in done.stderr
    assert files(paths.fitted("lora")) == before

    set_params({"methods.lora.accelerate": "lost.yaml"})
    done = run_here("fit_baseline", "lora")
    assert done.returncode == 1 and "lost.yaml, which is not there: run `accelerate config" in done.stderr
