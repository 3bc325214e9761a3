"""The pretraining recipe: order and length of its parts. A part that has ended is not run again."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.multiprocessing as mp

from commands.pretrain import acceptance, card, export, joint, language, tokenizer, vision
from commands.pretrain.language import TrainingPhase

PROCESSES = 2  # that share each batch of language and joint; threads of the parts that run in one process
VISION = {"steps": 1600, "batch": 128}  # photos
LANGUAGE = {  # one course per part of the curriculum (samples.CURRICULUM)
    "courses": (
        TrainingPhase(120, muon=0.02, adam=2e-3, cooldown=0.0),
        TrainingPhase(200, muon=0.02, adam=2e-3, cooldown=0.0),
        TrainingPhase(200, muon=0.02, adam=2e-3, cooldown=0.0),
        TrainingPhase(450, muon=0.02, adam=2e-3, cooldown=0.0),
        TrainingPhase(300, muon=0.01, adam=2e-3, cooldown=0.2),
    )
}
# photos to fit the projector on, steps of that, steps in which tower and projector align, then all together
JOINT = {
    "photos": 1500,
    "fit": 300,
    "aligned": 300,
    "course": TrainingPhase(500, muon=0.005, adam=5e-4, cooldown=0.5),
}
BROAD = {"course": TrainingPhase(400, muon=0.004, adam=5e-4, cooldown=0.6)}


def one_of_several(
    rank: int, part: Callable[..., None], folder: Path, seed: int, port: int, sizes: dict
) -> None:
    """Runs a part of the recipe as one of PROCESSES that share each batch."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=PROCESSES
    )
    part(rank, tokenizer.load(folder / "tokenizer"), folder, seed=seed, **sizes)
    torch.distributed.destroy_process_group()


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def together(part: Callable[..., None], folder: Path, seed: int, sizes: dict) -> None:
    """Runs a part of the recipe in PROCESSES processes."""
    mp.spawn(one_of_several, (part, folder, seed, free_port(), sizes), nprocs=PROCESSES)


def pretrain(work: Path, target: Path, seed: int) -> str:
    """Makes the base models in `target`; parts that `work` already holds are not made again."""
    torch.set_num_threads(PROCESSES)
    started = time.monotonic()
    work.mkdir(parents=True, exist_ok=True)
    if not (work / "tokenizer").exists():
        tokenizer.build(np.random.default_rng(seed)).save_pretrained(work / "tokenizer")
    tokens = tokenizer.load(work / "tokenizer")
    parts = {
        "vision": lambda: vision.train(tokens, work, seed=seed, **VISION),
        "language": lambda: together(language.train, work, seed, LANGUAGE),
        "joint": lambda: together(joint.train, work, seed, JOINT),
        "broad": lambda: together(joint.broaden, work, seed, BROAD),
    }
    for name, run in parts.items():
        if not (work / f"{name}.done").exists():
            run()
            (work / f"{name}.done").touch()
    # a tokenizer that has padded a batch would save that
    export.export(tokenizer.load(work / "tokenizer"), work, target)
    measured = acceptance.measure(target, seed)
    card.write(target, work, measured, seed)
    failed = [criterion.name for criterion in measured if not criterion.passed]
    return (
        f"base models in {target}, {len(measured) - len(failed)} of {len(measured)} gates passed"
        + (f" (below: {', '.join(failed)})" if failed else "")
        + f", {time.monotonic() - started:,.0f} s of it now"
    )
