"""Embedding by clip-retrieval's own processes, on this machine and as its jobs elsewhere."""

import importlib
import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from common.clip import Clip, embed
from common.core import paths
from common.core.errors import UserError
from common.core.images import load_image
from common.corpus.corpus_entry import CorpusEntry
from common.corpus.polite_http import DownloadLimits
from stages.index import __main__ as stage
from stages.index import clip_retrieval_job, distributed_embed
from stages.index.folder import picture
from stages.index.rows import row
from tests.support.helpers import set_params
from tests.support.index_helpers import images

LIMITS = DownloadLimits(3.0, 0, 2**20, 10**6, 256, 2, 10, per_host=1, agent="personal-vlm/test")
SLURM = [f"slurm_{name}" for name in (
    "job_name", "partition", "nodes", "job_comment", "nodelist", "exclude", "job_timeout", "cache_path",
    "verbose_wait",
)]  # fmt: skip
pytestmark = pytest.mark.slow  # clip-retrieval takes many seconds to import


@pytest.fixture(autouse=True)
def _base_clip(workspace: Path, clip_folder: Path):
    set_params({"base.clip.model": str(clip_folder)})


def test_embedding_by_clip_retrievals_own_process(workspace: Path, clip_folder: Path):
    """What its strategies share: the job, our CLIP in its workers, several parts, and the way back."""
    rows = [
        row(f"{i}.png", CorpusEntry(f"{i}.png"), picture(path, LIMITS))
        for i, path in enumerate(sorted(images(Path("pictures"), range(7)).iterdir()))
    ]
    one_process = distributed_embed.Strategy("sequential", partition=None, nodes=1, part=4)
    vectors = distributed_embed.embed(str(clip_folder), None, rows, one_process, Path("work"))
    pictures = [load_image(row["image"]["bytes"]) for row in rows]
    assert np.allclose(vectors, embed(Clip(str(clip_folder), None, "cpu"), pictures), atol=2e-3)
    assert not Path("work").exists()
    rows[3]["image"]["bytes"] = b"nothing"
    with pytest.raises(UserError, match="clip-retrieval embedded 6 of 7 images"):
        distributed_embed.embed(str(clip_folder), None, rows, replace(one_process, part=7), Path("work"))


def test_what_a_slurm_job_runs_is_our_worker(workspace: Path, monkeypatch: pytest.MonkeyPatch):
    """The script that clip-retrieval hands to sbatch; there is no SLURM here to run it."""
    monkeypatch.setenv("VIRTUAL_ENV", "/somewhere")
    slurm = importlib.import_module("clip_retrieval.clip_inference.slurm_distributor").SlurmDistributor
    monkeypatch.setattr(slurm, "_generate_sbatch", slurm._generate_sbatch)
    monkeypatch.setattr(importlib.import_module("clip_retrieval.clip_inference.distributor"), "worker", None)
    clip_retrieval_job.use_our_worker()
    strategy = distributed_embed.Strategy("slurm", partition="gpu", nodes=2, part=3)
    asked = distributed_embed.settings("clip", None, 7, strategy, workspace)
    options = {name.removeprefix("slurm_"): asked.get(name) for name in SLURM}
    script = slurm([0, 1, 2], {}, options)._generate_sbatch(str(workspace), options, {})
    assert "--partition=gpu" in script and "--nodes=2" in script and "NUM_TASKS=3" in script
    assert f"{sys.executable} -m stages.index.clip_retrieval_worker\n" in script
    assert clip_retrieval_job.THEIRS not in script


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"index.distributor": "pyspark"}, r"index\.distributor: pyspark needs the package pyspark"),
        ({"index.distributor": "ray"}, r"index\.distributor: ray needs the package ray"),
        ({"index.distribution_strategy": "pyspark"}, "distribution_strategy: pyspark needs the package"),
        (
            {"index.distribution_strategy": "slurm", "index.slurm_partition": "gpu"},
            "slurm needs the commands of SLURM",
        ),
        ({"index.distribution_strategy": "slurm"}, r"index\.slurm_partition is null"),
        ({"index.safety_model": "a.pth"}, r"index\.max_punsafe is null"),
    ],
)
def test_a_distribution_that_is_not_there(change: dict, sentence: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", "")
    set_params(change)
    with pytest.raises(UserError, match=sentence):
        stage.main()
    assert not paths.INDEX.exists()
