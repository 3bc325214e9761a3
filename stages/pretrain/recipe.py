"""The pretraining recipe: the order of the parts, their lengths, and what is skipped when it is already there."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
import torch.multiprocessing as mp

from stages.pretrain import card, export, gates, joint, language, tokenizer, vision

VISION = {"steps": 1600, "batch": 128}  # photos
LANGUAGE = {"steps": (120, 400, 250, 300, 600), "batch": 16}  # steps per part of the curriculum; trees
JOINT = {"fit": 300, "steps": 600, "batch": 12}  # photos batches for the projector; steps; trees per process
PROCESSES = 2


def join(rank: int, folder: Path, seed: int, port: int) -> None:
    """One process of the joint training."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=PROCESSES
    )
    joint.train(rank, tokenizer.load(folder / "tokenizer"), folder, seed=seed, **JOINT)
    torch.distributed.destroy_process_group()


def pretrain(work: Path, target: Path, seed: int) -> str:
    """Makes the base models in `target`; parts that `work` already holds are not made again."""
    torch.set_num_threads(1)
    started = time.monotonic()
    work.mkdir(parents=True, exist_ok=True)
    if not (work / "tokenizer").exists():
        tokenizer.build(np.random.default_rng(seed)).save_pretrained(work / "tokenizer")
    tokens = tokenizer.load(work / "tokenizer")
    parts = {
        "vision": lambda: vision.train(tokens, work, seed=seed, **VISION),
        "language": lambda: language.train(tokens, work, seed=seed, **LANGUAGE),
        "joint": lambda: mp.spawn(join, (work, seed, 29_517), nprocs=PROCESSES),
    }
    for name, run in parts.items():
        if not (work / f"{name}.done").exists():
            run()
            (work / f"{name}.done").touch()
    export.export(tokens, work, target)
    measured = gates.measure(target, seed)
    card.write(target, work, measured, seed)
    failed = [gate.name for gate in measured if not gate.passed]
    return f"base models in {target}, {len(measured) - len(failed)} of {len(measured)} gates passed" + (
        f" (below: {', '.join(failed)})" if failed else ""
    ) + f", {time.monotonic() - started:,.0f} s of it now"
