"""How the benchmarks measure: seconds, peak memory, FLOPs, and the rate at which the device multiplies.

Knows no system and no model but for the two modules whose inputs are counted.
"""

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from torch.utils import flop_counter

from common import vlm

T = TypeVar("T")
_ATTENTION = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
_ATTENTION_BACKWARD = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward


class Timed(NamedTuple):
    """Seconds of one call, and those until all of it was queued: if as many, the launches set the pace."""

    seconds: float
    queued: float


class Timer:
    """Measures calls, the device's queue included, and keeps what it found, in order."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.calls: list[Timed] = []

    def __call__(self, work: Callable[[], object], countable: Callable[[], object] | None = None) -> float:
        """Give the seconds of one call; `countable` is for `count`."""
        finish(self.device)
        start = time.perf_counter()
        work()
        queued = time.perf_counter() - start
        finish(self.device)
        self.calls.append(Timed(time.perf_counter() - start, queued))
        return self.calls[-1].seconds


def seconds(device: torch.device, work: Callable[[], object]) -> float:
    """Time of one call, the device's queue included."""
    return Timer(device)(work)


def finish(device: torch.device) -> None:
    """Wait for all that is queued."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak_bytes(device: torch.device, work: Callable[[], T]) -> tuple[T, int]:
    """What a call returns, and by how much memory grew while it ran: the device's, or the process's.

    A process keeps what it has once taken, so that on the CPU only a fresh process gives the true growth
    (`isolated`).
    """
    gc.collect()  # what the system before has left
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        return work(), torch.cuda.max_memory_allocated(device) - before
    Path("/proc/self/clear_refs").write_text("5")  # Linux: the high-water mark starts again from here
    before = _resident("VmRSS")
    return work(), _resident("VmHWM") - before


def _resident(entry: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{entry}:"))


def isolated(work: "partial[T]") -> T:
    """Call in a fresh process; the function and its arguments must be plain data."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as child:
        return child.submit(work).result()


@dataclass(frozen=True)
class Count:
    """What a piece of work runs: FLOPs, positions through the language model, images through the tower."""

    flops: float
    tokens: float
    images: float

    def __add__(self, other: "Count") -> "Count":
        """Both after another."""
        return Count(self.flops + other.flops, self.tokens + other.tokens, self.images + other.images)

    def __mul__(self, factor: float) -> "Count":
        """The work `factor` times."""
        return Count(self.flops * factor, self.tokens * factor, self.images * factor)


def count(base: vlm.Base, work: Callable[[], object], countable: Callable[[], object] | None = None) -> Count:
    """Count every matrix product and attention that is really executed, forward and backward, padding too.

    Where a CUDA graph is replayed nothing is seen of it: `countable` is the same work without.
    """
    tokens, images = [], []
    hooks = [
        base.model.model.language_model.register_forward_pre_hook(
            lambda _, args, kwargs: tokens.append(kwargs["inputs_embeds"].shape[:2].numel()), with_kwargs=True
        ),
        base.model.model.vision_tower.register_forward_pre_hook(
            lambda _, args, kwargs: images.append(len(args[0] if args else kwargs["pixel_values"])),
            with_kwargs=True,
        ),
    ]
    # torch knows the FLOPs of attention on a GPU only
    counter = flop_counter.FlopCounterMode(
        display=False,
        custom_mapping={_ATTENTION: _attention_flops, _ATTENTION_BACKWARD: _attention_backward_flops},
    )
    try:
        with counter:
            (countable or work)()
    finally:
        for hook in hooks:
            hook.remove()
    return Count(counter.get_total_flops(), sum(tokens), sum(images))


def _attention_flops(
    query: Sequence[int], key: Sequence[int], value: Sequence[int], *_: Any, **__: Any
) -> int:
    return flop_counter.sdpa_flop_count(query, key, value)


def _attention_backward_flops(
    gradient: Sequence[int],
    query: Sequence[int],
    key: Sequence[int],
    value: Sequence[int],
    *_: Any,
    **__: Any,
) -> int:
    return flop_counter.sdpa_backward_flop_count(gradient, query, key, value)


def matrix_rate(device: torch.device, dtype: torch.dtype) -> float:
    """FLOP per second of a large product of random matrices, the device's best; ones would be faster."""
    size, times = (8192, 20) if device.type == "cuda" else (1024, 5)
    left, right = (torch.randn(size, size, dtype=dtype, device=device) for _ in range(2))
    left @ right
    taken = [seconds(device, lambda: left @ right) for _ in range(times)]
    return 2 * size**3 / statistics.median(taken)


def alternate(
    systems: Mapping[str, Callable[[], T]], rounds: int, enough: float
) -> Iterator[dict[str, list[T]]]:
    """Run the systems one after another, several times over, so that a slow spell of the machine hits all.

    Gives, after every round, all that was found. After two rounds, no further one begins when `enough`
    seconds are over.
    """
    results: dict[str, list[T]] = {name: [] for name in systems}
    start = time.perf_counter()
    for done in range(rounds):
        if done >= 2 and time.perf_counter() - start > enough:
            break
        for name, run in systems.items():
            results[name].append(run())
        yield results


def relative_error(actual: torch.Tensor, expected: torch.Tensor) -> float:
    """Norm of the difference over the norm of what is expected."""
    expected = expected.float()
    return ((actual.float() - expected).norm() / expected.norm()).item()
