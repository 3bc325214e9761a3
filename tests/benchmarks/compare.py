"""A benchmark: systems side by side in alternating runs, peak memory, and the share of the matrix rate.

A system is a function of the model, its name, a measure (a call's seconds, or what it runs) and the part of
the data to run; it returns what the whole work takes.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch

from stages import vlm
from tests.benchmarks import measure, models, report

ROUNDS = 15  # at most

Measure = Callable[[Callable[[], object]], Any]  # of a call: its seconds, or its `measure.Count`


class Taken(NamedTuple):
    """Seconds or `measure.Count` of the whole work, its steps, and those of them that were run."""

    whole: Any
    steps: int
    run: int


System = Callable[[vlm.Base, str, Measure, int], Taken]


@dataclass(frozen=True)
class Benchmark:
    """What is compared.

    Attributes:
        name: of the result's file.
        title: of the table.
        systems: ours, reference and alternative are among them.
        ratios: by the end of the key ``speedup…``, a slower and a faster system.
        exactness: differences between the systems' numbers, for a model and its name.
        counted: every so many-th sample is run for the count of FLOPs, which takes long.
        timed: every so many-th sample is timed of a large model on a CPU, for which all take too long.
        enough: seconds after which no other round begins.

    """

    name: str
    title: str
    systems: Mapping[str, System]
    ratios: Mapping[str, tuple[str, str]]
    exactness: Callable[[vlm.Base, str], dict[str, float | None]]
    counted: int
    timed: int
    enough: float

    def main(self, words: Sequence[str]) -> str:
        """Measure, write the numbers, and print the table."""
        model = report.chosen_model(words)
        base = models.open_exact(model)
        found = self.exactness(base, model)
        base = models.open_model(model)
        if base.model.dtype == torch.bfloat16:
            found |= {f"{key}_bfloat16": value for key, value in self.exactness(base, model).items()}
        few = base.device.type == "cpu" and model != models.SMALL
        systems = compare(base, model, self.systems, self.counted, self.timed if few else 1, self.enough)
        found |= systems | {"fraction_of_peak_flops": systems["ours"]["fraction_of_peak_flops"]}
        for end, (slow, fast) in self.ratios.items():
            found |= speedup(end, systems[slow]["rounds"], systems[fast]["rounds"])
        print(report.table(self.title, found))
        return str(report.write(self.name, base, model, found))


def compare(
    base: vlm.Base, model: str, systems: Mapping[str, System], counted: int, timed: int, enough: float
) -> dict[str, dict[str, Any]]:
    """Measure all systems; every so many-th sample is counted or timed, `enough` as in `Benchmark`.

    The matrix rate is measured before and after, and the higher one taken: a share is never flattered.
    """
    counts = {  # which also warms everything up
        name: system(base, model, partial(measure.count, base), counted).whole
        for name, system in systems.items()
    }
    rates = [measure.matrix_rate(base.device, base.model.dtype)]
    runs = measure.alternate(
        {name: partial(run, system, base, model, timed) for name, system in systems.items()},
        ROUNDS,
        enough,
    )
    rates.append(measure.matrix_rate(base.device, base.model.dtype))
    found = {}
    for name, system in systems.items():
        count = counts[name]
        seconds = [taken.whole for taken, _ in runs[name]]
        peaks = [peak for _, peak in runs[name]]
        if base.device.type == "cpu":
            peaks = [measure.isolated(partial(alone, system, model, timed))]
        median = statistics.median(seconds)
        found[name] = {
            "seconds": round(median, 4),
            "seconds_range": [round(min(seconds), 4), round(max(seconds), 4)],
            "rounds": [round(each, 4) for each in seconds],
            "peak_bytes": max(peaks),
            "steps": runs[name][0][0].steps,
            "steps_timed": runs[name][0][0].run,
            "flops": round(count.flops),
            "tokens": round(count.tokens),
            "images": round(count.images),
            "fraction_of_peak_flops": round(count.flops / median / max(rates), 4),
            "seconds_at_peak_flops": round(count.flops / max(rates), 4),
        }
    return found


def run(system: System, base: vlm.Base, model: str, timed: int) -> tuple[Taken, int]:
    """Time a system on every so many-th sample, and measure by how much memory grows."""
    timer = partial(measure.seconds, base.device)
    return measure.peak_bytes(base.device, lambda: system(base, model, timer, timed))


def alone(system: System, model: str, timed: int) -> int:
    """Peak memory of a system, in a process that does nothing else."""
    return run(system, models.open_model(model), model, timed)[1]


def speedup(end: str, slow: Sequence[float], fast: Sequence[float]) -> dict[str, Any]:
    """How many times faster, round by round: the median, and the lowest and highest."""
    found = [s / f for s, f in zip(slow, fast, strict=True)]
    spread = [round(min(found), 2), round(max(found), 2)]
    return {f"speedup{end}": round(statistics.median(found), 2), f"speedup{end}_range": spread}
