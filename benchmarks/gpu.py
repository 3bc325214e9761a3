"""python -m benchmarks.gpu [--out DIR] [--limit SECONDS] [--rehearse]: all GPU numbers from one call.

LLaVA-1.5 with random weights, 13B and then 7B: exactness, training, evaluation, synthesis, and what tells why
they take what they take. Every number is in its file as soon as it exists, nothing begins that would not end
within the limit, and a part that fails is recorded and does not hold up the others. Files: those that the
benchmarks write on a CPU, and ``call-<device>.json`` with every part of the call.

    --out       folder of the files; without it, the one that BENCH_FOLDER names, or reports/benchmarks
    --limit     seconds of the whole call, Python's start included; 525 without it
    --rehearse  tiny models on the CPU, through the same code, in a minute: before every use of a GPU

For a machine with a GPU that has no network and whose Python is not ours, take what this needs along: the
committed files, and pydantic, pydantic-core, annotated-types, typing-inspection, typing-extensions and
ruamel-yaml as wheels for its Python, unpacked into one folder. All else that is imported comes with torch,
transformers, peft and pyarrow. There is no git there, so the commit has to be named:

    names='pydantic|pydantic-core|annotated-types|typing-inspection|typing-extensions|ruamel-yaml'
    pip download --no-deps --only-binary=:all: --python-version 3.12 --platform manylinux_2_17_x86_64 \\
        --dest wheels $(grep -oE "^($names)==[^ ]+" requirements.lock)
    for wheel in wheels/*.whl; do python3 -m zipfile -e "$wheel" site; done
    export PYTHONPATH=site PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1 BENCH_COMMIT=...
    timeout -s INT 560 python3 -m benchmarks.gpu --out OUT --limit 525 2>&1 | tee OUT/log

Memory: 13B's 222 prefixes of one subject are 107 GB beside 26 GB of weights. On a card of 80 GB most of them
lie in host memory, of which 128 GB are enough.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import psutil
import torch

from benchmarks import gpu_plan, report
from benchmarks.gpu_call import Call
from common.core import errors

LIMIT = 525.0  # seconds


def main(*words: str) -> str:
    """Measure what the time allows; say what was left out, and fail if a part has failed."""
    options = _options(words)
    scale = gpu_plan.REHEARSAL if options.rehearse else gpu_plan.GPU
    if not options.rehearse and not torch.cuda.is_available():
        raise errors.UserError(
            "there is no CUDA device: `make bench` measures on a CPU, and --rehearse runs tiny models there"
        )
    device = torch.device("cpu" if options.rehearse else "cuda")
    name = f"call-{report.device_slug(device)}"
    started = psutil.Process().create_time()
    call = Call(options.out, name, {"commit": report.commit()}, options.limit, started)
    for model in scale.models:
        gpu_plan.measure(call, model, scale)
    return closing(call)


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m benchmarks.gpu", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=report.folder())
    parser.add_argument("--limit", type=float, default=LIMIT)
    parser.add_argument("--rehearse", action="store_true")
    return parser.parse_args(words)


def closing(call: Call) -> str:
    """Say what a call has done; raise UserError if a part has failed."""
    failed, left_out = call.named("failed"), call.named("left_out")
    if failed:
        raise errors.UserError(f"failed, the others are in {call.out}: {'; '.join(failed)}")
    done = len(call.parts) - len(left_out)
    return f"{done} parts in {call.out}" + f", left out for lack of time: {'; '.join(left_out)}" * bool(
        left_out
    )


if __name__ == "__main__":
    errors.run(main)
