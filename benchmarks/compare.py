"""A benchmark: systems side by side in alternating runs, peak memory, and the share of the matrix rate.

A system is a function of the model, its name, a measure (a call's seconds, or what it runs) and the part of
the data to run; it returns what the whole work takes.
"""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch

from benchmarks import measure, models, report
from common import vlm

ROUNDS = 15  # at most

# Of a call: its seconds, or its `measure.Count`; what cannot be counted comes with the same work that can.
Measure = Callable[..., Any]
Numbers = dict[str, Any]  # as they are written


class Taken(NamedTuple):
    """Seconds or `measure.Count` of the whole work, its steps, and those of them that were run."""

    whole: Any
    steps: int
    run: int


System = Callable[[vlm.Base, str, Measure, int], Taken]


class Comparison:
    """Systems side by side on one model: counts and runs in any order, and at any time the numbers so far."""

    def __init__(self, base: vlm.Base, model: str, systems: Mapping[str, System]) -> None:
        self.base, self.model, self._systems = base, model, systems
        self.counts: dict[str, measure.Count] = {}
        self._taken: dict[str, list[Taken]] = {name: [] for name in systems}
        self._peaks: dict[str, int] = dict.fromkeys(systems, 0)
        self._alone: dict[str, int] = {}
        self._rates: list[float] = []

    def rate(self) -> float:
        """Measure the matrix rate; the highest one found counts, so that a share is never flattered."""
        self._rates.append(measure.matrix_rate(self.base.device, self.base.model.dtype))
        return self._rates[-1]

    def count(self, name: str, one_in: int) -> measure.Count:
        """Count what a system runs on every so many-th sample, which also warms it up."""
        counter = partial(measure.count, self.base)
        self.counts[name] = self._systems[name](self.base, self.model, counter, one_in).whole
        return self.counts[name]

    def run(self, name: str, one_in: int) -> measure.Timer:
        """Time a system on every so many-th sample; the timer knows its parts."""
        timer = measure.Timer(self.base.device)
        taken, peak = run(self._systems[name], self.base, self.model, timer, one_in)
        self._taken[name].append(taken)
        self._peaks[name] = max(peak, self._peaks[name])
        return timer

    def isolate(self, name: str, one_in: int) -> None:
        """Measure a system's peak memory where only a process that does nothing else shows it: on a CPU."""
        self._alone[name] = measure.isolated(partial(alone, self._systems[name], self.model, one_in))

    def numbers(self) -> dict[str, Numbers]:
        """Give what is known of the systems that were counted and have run at least once."""
        return {
            name: self._numbers(self.counts[name], taken, self._alone.get(name, self._peaks[name]))
            for name, taken in self._taken.items()
            if taken and name in self.counts
        }

    def _numbers(self, count: measure.Count, taken: Sequence[Taken], peak: int) -> Numbers:
        seconds, best = [each.whole for each in taken], max(self._rates)
        median = statistics.median(seconds)
        return {
            "seconds": round(median, 4),
            "seconds_range": [round(min(seconds), 4), round(max(seconds), 4)],
            "rounds": [round(each, 4) for each in seconds],
            "peak_bytes": peak,
            "steps": taken[0].steps,
            "steps_timed": taken[0].run,
            "flops": round(count.flops),
            "tokens": round(count.tokens),
            "images": round(count.images),
            "fraction_of_peak_flops": round(count.flops / median / best, 4),
            "seconds_at_peak_flops": round(count.flops / best, 4),
        }


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
        """Measure, write the numbers after every round, and print the table."""
        model = report.chosen_model(words)
        base = models.open_exact(model)
        exact = self.exactness(base, model)
        base = models.open_model(model)
        if base.model.dtype == torch.bfloat16:
            exact |= self.rounded(base, model)
        few = base.device.type == "cpu" and model != models.SMALL
        for systems in compare(
            base, model, self.systems, self.counted, self.timed if few else 1, self.enough
        ):
            numbers = self.summary(exact, systems)
            target = report.write(self.name, base, model, numbers)
        print(report.table(self.title, numbers))
        return str(target)

    def rounded(self, base: vlm.Base, model: str) -> dict[str, float | None]:
        """Differences between the systems' numbers where each rounds to bfloat16."""
        return {f"{key}_bfloat16": value for key, value in self.exactness(base, model).items()}

    def summary(self, exact: Numbers, systems: Mapping[str, Numbers]) -> Numbers:
        """Put together what is known: of a part of the systems, the ratios that these have."""
        numbers = exact | systems
        if "ours" in systems:
            numbers["fraction_of_peak_flops"] = systems["ours"]["fraction_of_peak_flops"]
        for end, (slow, fast) in self.ratios.items():
            if slow in systems and fast in systems:
                numbers |= speedup(end, systems[slow]["rounds"], systems[fast]["rounds"])
        return numbers


def compare(
    base: vlm.Base, model: str, systems: Mapping[str, System], counted: int, timed: int, enough: float
) -> Iterator[dict[str, Numbers]]:
    """Measure all systems, and give all numbers so far after every round.

    Every so many-th sample is counted or timed, `enough` as in `Benchmark`. The matrix rate is measured
    before the first round and after each.
    """
    comparison = Comparison(base, model, systems)
    for name in systems:
        comparison.count(name, counted)
        if base.device.type == "cpu":
            comparison.isolate(name, timed)
    comparison.rate()
    runs = {name: partial(comparison.run, name, timed) for name in systems}
    for _ in measure.alternate(runs, ROUNDS, enough):
        comparison.rate()
        yield comparison.numbers()


def run(system: System, base: vlm.Base, model: str, of: Measure, timed: int) -> tuple[Taken, int]:
    """Run a system on every so many-th sample, and measure by how much memory grows."""
    return measure.peak_bytes(base.device, lambda: system(base, model, of, timed))


def alone(system: System, model: str, timed: int) -> int:
    """Peak memory of a system, in a process that does nothing else."""
    base = models.open_model(model)
    return run(system, base, model, measure.Timer(base.device), timed)[1]


def speedup(end: str, slow: Sequence[float], fast: Sequence[float]) -> Numbers:
    """How many times faster, round by round that both have: the median, and the lowest and highest."""
    ratios = [s / f for s, f in zip(slow, fast, strict=False)]
    spread = [round(min(ratios), 2), round(max(ratios), 2)]
    return {f"speedup{end}": round(statistics.median(ratios), 2), f"speedup{end}_range": spread}
