"""python -m tests.benchmarks.gpu: all that is measured on a GPU, as much of it as nine minutes allow.

A step is one benchmark of one model, in a process of its own, and writes its file when it is done. A step
whose file is there, of this commit, is not taken again: call it until nothing is left, three or four times.
"""

import subprocess
import sys
import time
from typing import NamedTuple

import torch

from stages.core import errors, io
from tests.benchmarks import report

LIMIT = 9 * 60  # seconds of one call


class Step(NamedTuple):
    """A benchmark of a model, and the seconds that it may need, by the FLOPs: none begins with less left."""

    benchmark: str
    model: str
    needs: int

    def done(self, device: torch.device) -> bool:
        """Whether its numbers are there."""
        path = report.path(self.benchmark, device, self.model)
        return path.exists() and io.read_json(path)["commit"] == report.commit()


STEPS = (
    Step("token_training", "llava-1.5-13b", 480),
    Step("evaluation", "llava-1.5-13b", 150),
    Step("synthesis", "llava-1.5-13b", 150),
    Step("token_training", "llava-1.5-7b", 300),
    Step("evaluation", "llava-1.5-7b", 120),
    Step("synthesis", "llava-1.5-7b", 120),
    Step("scaling", "llava-1.5-7b", 400),
)


def main() -> str:
    """Take the next steps; say what is left."""
    if not torch.cuda.is_available():
        raise errors.UserError("there is no CUDA device: `make bench` measures the small base on a CPU")
    device = torch.device("cuda")
    end = time.monotonic() + LIMIT
    for step in STEPS:
        left = end - time.monotonic()
        if not step.done(device) and step.needs <= left:
            run(step, left)
    missing = [f"{step.benchmark} of {step.model}" for step in STEPS if not step.done(device)]
    return f"left for the next call: {', '.join(missing)}" if missing else "nothing is left"


def run(step: Step, seconds: float) -> None:
    """Take a step; one that fails or takes longer says so and does not hold up the others."""
    command = [sys.executable, "-m", f"tests.benchmarks.{step.benchmark}", "--model", step.model]
    try:
        subprocess.run(command, timeout=seconds, check=True)
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as failure:
        print(failure, file=sys.stderr, flush=True)


if __name__ == "__main__":
    errors.run(main)
