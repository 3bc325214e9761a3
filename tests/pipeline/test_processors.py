"""The whole pipeline on three processors, two of them made of this one, agrees within its intervals."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from common.core import io, params, paths
from tests.support.helpers import ROOT, set_params
from tools.agree import compare

# As many threads, and what torch (ATen) and oneDNN may use of the processor
PROCESSORS = {
    "this": (1, {}),
    "AVX2": (2, {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}),
    "plain": (1, {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"}),
}
KINDS = {"bo": "pet", "rex": "pet", "ana": "person"}
SMALL = {
    "subjects": {name: {"kind": kind, "source": "world"} for name, kind in KINDS.items()},
    "world.subjects": {
        "bo": {"noun": "dog"},
        "rex": {"like": "bo", "changed": 0},
        "ana": {"noun": "woman"},
    },
    "world.corpus": 120,
    "world.corpus_lookalikes": 12,
    "world.test_photos": 4,
    "world.lookalike_photos": 2,
    "world.two_subject_photos": 2,
    "world.general_photos": 4,
    "index.source": "folder",  # the same pictures without img2dataset, which computes nothing
    "index.location": "data/world/corpus/images",
    "retrieve.hard": 12,
    "retrieve.easy": 12,
    "retrieve.neighbors": 30,
    "assemble.positive_copies": 3,
    "train.epochs": 3,
    "methods.lora.epochs": 1,
    "methods.myvlm.head.steps": 50,
    "methods.myvlm.head.pictures": 40,
    "methods.myvlm.embedding.steps": 25,
    "evaluate.captioned_others": 4,
    "evaluate.general_subjects": 1,
    "report.bootstrap": 300,
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder for each processor in which all stages have run, at the same time."""
    folders = {name: tmp_path_factory.mktemp(name) for name in PROCESSORS}
    running = {}
    for name, (threads, environment) in PROCESSORS.items():
        (folders[name] / "data/subjects").mkdir(parents=True)
        (folders[name] / "models").mkdir()
        (folders[name] / "models/base").symlink_to(ROOT / "models/base")
        shutil.copy(ROOT / "params.yaml", folders[name])
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folders[name])
            set_params(SMALL | {"threads": threads})
        running[name] = subprocess.Popen(
            [sys.executable, "-m", "tests.support.straight"],
            cwd=folders[name],
            env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
            stderr=subprocess.PIPE,
            text=True,
        )
    for process in running.values():
        _, said = process.communicate()
        assert process.returncode == 0, said
    return folders


@pytest.mark.slow
@pytest.mark.parametrize("other", [name for name in PROCESSORS if name != "this"])
def test_metrics_agree_on_another_processor(runs: dict[str, Path], other: str):
    found = {name: io.read_json(folder / paths.INTERVALS)["metrics"] for name, folder in runs.items()}
    agreement = params.load(runs[other] / "params.yaml").report.agreement
    assert compare(found["this"], found[other], agreement).apart == []


@pytest.mark.slow
def test_the_last_bits_differ_there(runs: dict[str, Path]):
    learned = paths.subject_model("bo") / "soft_prompt.safetensors"
    assert len({io.sha256_file(folder / learned) for folder in runs.values()}) == len(PROCESSORS)
