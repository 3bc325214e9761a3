"""The file and the table that a benchmark makes of its numbers."""

import argparse
import os
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from benchmarks import models
from common import vlm
from common.core import io, paths

FOLDER = paths.REPORTS / "benchmarks"  # of the repository; `BENCH_FOLDER` names another
PACKAGES = ("torch", "transformers", "peft")
MIB = 2**20


def chosen_model(words: Sequence[str]) -> str:
    """The model that the command line asks for."""
    parser = argparse.ArgumentParser(description="Measure our engine against the published loop and PEFT.")
    parser.add_argument("--model", choices=models.NAMES, default=models.SMALL)
    return parser.parse_args(words).model


def folder() -> Path:
    """Where numbers are kept."""
    return Path(os.environ.get("BENCH_FOLDER", FOLDER))


def device_slug(device: torch.device) -> str:
    """``cpu``, or a GPU's maker and name: ``nvidia-h100``."""
    if device.type == "cpu":
        return "cpu"
    words = re.findall(r"[a-z0-9]+", torch.cuda.get_device_name(device).lower())
    return "-".join(words[:2])


def origin(base: vlm.Base, model: str) -> dict[str, Any]:
    """What the numbers were measured on."""
    weights = base.model.parameters()
    return {
        "device": device_slug(base.device),
        "model": model,
        "versions": {"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
        "commit": commit(),
        "threads": torch.get_num_threads(),
        "dtype": str(base.model.dtype).removeprefix("torch."),
        "model_bytes": sum(weight.numel() * weight.element_size() for weight in weights),
    }


def commit() -> str:
    """The commit, with ``-dirty`` where files differ from it; the benchmarks' own results do not count.

    Where files travel without git's, `BENCH_COMMIT` names it.
    """
    if "BENCH_COMMIT" in os.environ:
        return os.environ["BENCH_COMMIT"]
    here = _git("rev-parse", "HEAD")
    changed = _git("status", "--porcelain", "--", ".", f":!{FOLDER}")
    return here + "-dirty" * bool(changed) if here else "unknown"


def _git(*words: str) -> str:
    try:
        done = subprocess.run(["git", *words], capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def table(title: str, numbers: Mapping[str, Any]) -> str:
    """Systems as rows, then the ratios and errors."""
    lines = [
        "",
        title,
        f"{'':20}{'seconds':>10}{'lowest':>10}{'highest':>10}{'steps':>7}{'timed':>7}"
        f"{'MiB':>8}{'TFLOP':>9}{'of peak':>9}",
    ]
    for name, of in numbers.items():
        if isinstance(of, dict) and "seconds" in of:
            low, high = of["seconds_range"]
            lines.append(
                f"{name:20}{of['seconds']:10.2f}{low:10.2f}{high:10.2f}{of['steps']:7}{of['steps_timed']:7}"
                f"{of['peak_bytes'] / MIB:8.0f}{of['flops'] / 1e12:9.3f}{of['fraction_of_peak_flops']:9.1%}"
            )
    for name, value in numbers.items():
        if name.startswith("speedup") and not name.endswith("_range"):
            low, high = numbers[f"{name}_range"]
            lines.append(f"{name:28}{value:8.2f} times ({low:.2f} to {high:.2f})")
        elif isinstance(value, float) and name != "fraction_of_peak_flops":
            lines.append(f"{name:44}{value:10.2g}")
    return "\n".join(lines)


def write(
    benchmark: str, base: vlm.Base, model: str, numbers: dict[str, Any], into: Path | None = None
) -> Path:
    """Write the numbers into a folder, None for the usual one."""
    target = (into or folder()) / f"{benchmark}-{device_slug(base.device)}-{model}.json"
    io.write_json(target, origin(base, model) | numbers)
    return target
