"""Rows become vectors on several machines or GPUs: `clip-retrieval inference` with a distribution strategy.

Owns what goes to clip-retrieval and what comes back, and the sentence for a strategy that this machine lacks.
Does not own its process (`subprocess_job`) or the way in which all is embedded here (`build`).
"""

import importlib.util
import math
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from common.clip import BATCH, unit
from common.core import io
from common.core.errors import UserError
from stages.index import subprocess_job
from stages.index.rows import IndexRows

PACKAGES = {"pyspark": "pyspark", "ray": "ray"}  # what a distributor needs beside img2dataset's own


@dataclass(frozen=True)
class Strategy:
    """How the embedding is distributed, in clip-retrieval's words."""

    name: str  # sequential (here, in this process) | pyspark | slurm
    partition: str | None  # of SLURM
    nodes: int  # of SLURM; clip-retrieval asks for eight GPUs of each
    part: int  # images that one task embeds


def require(key: str, name: str) -> None:
    """Raise UserError if this machine cannot distribute work by `name`, the value of the parameter `key`."""
    package = PACKAGES.get(name)
    if package and not importlib.util.find_spec(package):
        raise UserError(
            f"{key}: {name} needs the package {package}, which is not installed: run "
            f"`.venv/bin/python -m pip install {package}`, or leave the parameter as it was"
        )
    if name == "slurm" and not shutil.which("sbatch"):
        raise UserError(
            f"{key}: slurm needs the commands of SLURM (sbatch is not found): run on a login node of the "
            "cluster, or set it to sequential"
        )


def embed(model: str, revision: str | None, rows: IndexRows, strategy: Strategy, work: Path) -> np.ndarray:
    """Unit vectors (n, d) float32 of rows that hold their images, in order; `work` must not exist yet.

    Batches fall otherwise than in one process, which may change the last bits.
    """
    images = work / "images"
    images.mkdir(parents=True)
    for i, row in enumerate(rows):
        suffix = Path(row["image"]["path"]).suffix
        (images / f"{i:09d}{suffix}").write_bytes(row["image"]["bytes"])
    io.write_json(work / "job.json", settings(model, revision, len(rows), strategy, work))
    environment = {"VIRTUAL_ENV": os.environ.get("VIRTUAL_ENV", sys.prefix)}  # which the SLURM script enters
    subprocess_job.run(
        "clip-retrieval",
        "stages.index.clip_retrieval_job",
        work,
        math.inf,
        len(rows),
        lambda: 0,
        environment,
    )
    vectors = _read(work / "out")
    if sorted(vectors) != list(range(len(rows))):
        raise subprocess_job.failure(f"clip-retrieval embedded {len(vectors)} of {len(rows)} images", work)
    shutil.rmtree(work)
    return unit(np.stack([vectors[i] for i in range(len(rows))]))


def settings(model: str, revision: str | None, count: int, strategy: Strategy, work: Path) -> dict[str, Any]:
    """The arguments of `clip-retrieval inference`."""
    model = str(Path(model).resolve()) if Path(model).is_dir() else model
    return {
        "input_dataset": str((work / "images").resolve()),
        "input_format": "files",
        "output_folder": str((work / "out").resolve()),
        "output_partition_count": math.ceil(count / strategy.part),
        "batch_size": BATCH,
        "num_prepro_workers": 1,
        "enable_text": False,
        "enable_metadata": False,
        "clip_model": f"hf_clip:{model}@{revision or ''}",
        "use_jit": False,
        "distribution_strategy": strategy.name,
        "slurm_job_name": "personal-vlm",
        "slurm_job_comment": "index",  # without one it does not start
        "slurm_partition": strategy.partition,
        "slurm_nodes": strategy.nodes,
        "slurm_cache_path": str(work.resolve()),
    }


def _read(folder: Path) -> dict[int, np.ndarray]:
    """Vectors by the number that is their image's file name."""
    by_number: dict[int, np.ndarray] = {}
    for table in sorted(folder.glob("metadata/*.parquet")):
        name = table.stem.replace("metadata", "img_emb")
        paths = pq.read_table(table, columns=["image_path"])["image_path"].to_pylist()
        vectors = np.load(folder / "img_emb" / f"{name}.npy")
        by_number |= {int(Path(path).stem): vector for path, vector in zip(paths, vectors, strict=True)}
    return by_number
