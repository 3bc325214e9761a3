"""Randomness: one global seed, and independent named streams derived from it.

A stream depends on the seed and its names only, never on how much randomness anything else has used, so that
adding a subject does not change what another subject draws.
"""

import hashlib
import json
import os
import random
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def seed_everything(seed: int, threads: int) -> None:
    """Seed Python, NumPy and torch, pin the thread count, and refuse non-deterministic torch kernels.

    The order of summation, and so the last bits, depend on the number of threads. It is pinned for libraries
    that are loaded (NumPy's BLAS) and, through the environment, for those that come later (faiss).
    """
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # required by torch for deterministic cuBLAS
    os.environ["OMP_NUM_THREADS"] = str(threads)
    import torch
    from threadpoolctl import threadpool_limits

    threadpool_limits(threads)

    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    # as use_deterministic_algorithms does, which imports the compiler beside: four seconds of every stage
    torch.set_deterministic_debug_mode("error")
    torch.backends.cuda.enable_cudnn_sdp(False)  # attention by cuDNN has no deterministic backward pass
    # a twentieth of the time; nothing of ours reads it
    torch.utils.deterministic.fill_uninitialized_memory = False  # ty: ignore[missing-attribute]


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """A NumPy generator of its own for the thing called `names`, the same on every machine."""
    return np.random.Generator(np.random.PCG64(_derive(seed, names)))


def torch_stream(seed: int, *names: str | int) -> "torch.Generator":
    """The same for torch, on the CPU: draw there and move, so that a GPU gives the same start."""
    import torch

    return torch.Generator().manual_seed(_derive(seed, names) % 2**63)


def _derive(seed: int, names: tuple[str | int, ...]) -> int:
    return int.from_bytes(hashlib.sha256(json.dumps([seed, *names]).encode()).digest())
