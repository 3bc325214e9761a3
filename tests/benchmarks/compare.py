"""Systems side by side: alternating runs, peak memory, and the share of the device's matrix rate."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from stages import vlm
from tests.benchmarks import measure
from tests.benchmarks.measure import Count

ROUNDS = 5


@dataclass(frozen=True)
class Result:
    """One run of a system, scaled to the whole work.

    Attributes:
        seconds: of the whole.
        steps: of the whole.
        steps_timed: of the run.
        peak_bytes: by which memory grew.

    """

    seconds: float
    steps: int
    steps_timed: int
    peak_bytes: int


@dataclass(frozen=True)
class System:
    """How a system is run here, counted here, and run in a process of its own."""

    run: Callable[[], Result]
    count: Callable[[], Count]
    alone: "partial[Result]"


def compare(base: vlm.Base, systems: Mapping[str, System], enough: float) -> dict[str, dict[str, Any]]:
    """Measure all systems; further rounds begin within `enough` seconds.

    The matrix rate is measured before and after, and the higher one taken: a share is never flattered.
    """
    rates = [measure.matrix_rate(base.device, base.model.dtype)]
    runs = measure.alternate({name: system.run for name, system in systems.items()}, ROUNDS, enough)
    rates.append(measure.matrix_rate(base.device, base.model.dtype))
    found = {}
    for name, system in systems.items():
        results, count = runs[name], system.count()
        seconds = [result.seconds for result in results]
        median = statistics.median(seconds)
        alone = [measure.isolated(system.alone)] if base.device.type == "cpu" else results
        found[name] = {
            "seconds": round(median, 4),
            "seconds_range": [round(min(seconds), 4), round(max(seconds), 4)],
            "rounds": [round(each, 4) for each in seconds],
            "peak_bytes": max(result.peak_bytes for result in alone),
            "steps": results[0].steps,
            "steps_timed": results[0].steps_timed,
            "flops": round(count.flops),
            "tokens": round(count.tokens),
            "images": round(count.images),
            "fraction_of_peak_flops": round(count.flops / median / max(rates), 4),
            "floor_seconds": round(count.flops / max(rates), 4),
        }
    return found


def speedup(slow: Mapping[str, Any], fast: Mapping[str, Any]) -> tuple[float, list[float]]:
    """How many times faster, round by round: the median, and the lowest and highest."""
    found = [s / f for s, f in zip(slow["rounds"], fast["rounds"], strict=True)]
    return round(statistics.median(found), 2), [round(min(found), 2), round(max(found), 2)]


def standard(systems: Mapping[str, Any], pairs: Sequence[tuple[str, str, str]]) -> dict[str, Any]:
    """The keys that all benchmarks have, from entries of `compare`.

    Each of `pairs` is a name, a slower and a faster system: ``speedup<name>`` and its range.
    """
    ratios = {}
    for name, slow, fast in pairs:
        value, spread = speedup(systems[slow], systems[fast])
        ratios |= {f"speedup{name}": value, f"speedup{name}_range": spread}
    return {
        **systems,
        **ratios,
        "fraction_of_peak_flops": systems["ours"]["fraction_of_peak_flops"],
    }
