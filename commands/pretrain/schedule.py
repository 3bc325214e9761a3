"""Optimizers, learning-rate schedule and the progress log that the pretraining parts share."""

from __future__ import annotations

import json
import time
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn

from commands.pretrain.muon import Muon


class Optimizers:
    """Muon for hidden matrices, AdamW for embeddings, heads, norms and biases; one schedule for both.

    The rate rises over `warmup` steps, stays, and falls linearly to zero over the last `cooldown` share.
    """

    def __init__(
        self,
        hidden: list[nn.Parameter],
        rest: list[nn.Parameter],
        *,
        muon: float,
        adam: float,
        steps: int,
        warmup: int = 50,
        cooldown: float = 0.4,
    ):
        self.optimizers = [
            Muon(hidden, lr=muon),
            torch.optim.AdamW(rest, lr=adam, betas=(0.9, 0.98), weight_decay=0.01),
        ]
        self.peak = (muon, adam)
        self.steps, self.warmup, self.cooldown = steps, warmup, cooldown

    def step(self, step: int) -> None:
        """Sets the rates for `step`, updates, and clears the gradients."""
        rise = min(1.0, (step + 1) / self.warmup)
        fall = min(1.0, (self.steps - step) / (self.cooldown * self.steps)) if self.cooldown else 1.0
        for optimizer, peak in zip(self.optimizers, self.peak, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = peak * rise * fall
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)


def is_hidden(name: str, weight: nn.Parameter) -> bool:
    """Whether Muon takes this weight: a matrix inside a transformer layer."""
    return weight.ndim == 2 and ".layers." in name


def average_gradients(weights: list[nn.Parameter]) -> None:
    """Makes the gradients of all processes their mean; alone, does nothing."""
    if not dist.is_initialized():
        return
    flat = torch.cat([weight.grad.flatten() for weight in weights])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    for weight, part in zip(weights, flat.split([weight.numel() for weight in weights]), strict=True):
        weight.grad.copy_(part.view_as(weight))


def wait_for_all() -> None:
    """Returns when every process is here."""
    if dist.is_initialized():
        dist.barrier()


def is_first() -> bool:
    """Whether this process writes the files that all share."""
    return not dist.is_initialized() or dist.get_rank() == 0


class Log:
    """Appends one JSON line per report to a file and prints it, in the first process alone."""

    def __init__(self, path: Path):
        self.path, self.start = path, time.monotonic()
        path.parent.mkdir(parents=True, exist_ok=True)

    def __call__(self, **values: float | int | str) -> None:
        """Writes the values with the seconds since the start."""
        if not is_first():
            return
        rounded = {
            key: round(value, 4) if isinstance(value, float) else value for key, value in values.items()
        }
        line = json.dumps(rounded | {"seconds": round(time.monotonic() - self.start)})
        with self.path.open("a") as stream:
            stream.write(line + "\n")
        print(line, flush=True)
