"""Axes of charts: where a value lies in pixels, which ticks there are, and how axes are drawn."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 360, 216, 38, 12, 12, 38


class Axis(NamedTuple):
    """A labeled axis from `low` to `high` with ticks; `log` spaces by the logarithm, of values above 0."""

    label: str
    low: float
    high: float
    ticks: Sequence[float]
    log: bool = False

    def at(self, value: float, start: float, end: float) -> float:
        """Pixel of a value between the pixels of low and high."""
        at, low, high = (math.log10(v) if self.log else v for v in (value, self.low, self.high))
        return round(start + (at - low) / ((high - low) or 1) * (end - start), 2)


def epochs(numbers: Sequence[int]) -> Axis:
    """The axis of a training curve: from its first epoch to its last, with at most six ticks, all whole."""
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, len(numbers)) if len(numbers) / step <= 6)
    return Axis("epoch", numbers[0], numbers[-1], [n for n in numbers if n % step == 0])


def ticks(high: float) -> list[float]:
    """At most six round values from 0 up to `high`, 1, 2 or 5 times a power of ten apart."""
    steps = (digit * 10.0**power for power in range(-6, 12) for digit in (1, 2, 5))
    step = next(step for step in steps if high / step < 6)
    return [round(step * i, 6) for i in range(int(high / step) + 1)]


def decades(low: float, high: float) -> list[float]:
    """Powers of ten that enclose `low` and `high`, both above 0; two at least."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return [10.0**power for power in range(first, max(last, first + 1) + 1)]


def _tick(value: float) -> str:
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= max(size, 1e4):
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def draw_axes(x: Axis, y: Axis) -> Markup:
    """Ticks of both axes, with lines across the chart at those of y."""
    parts = [draw_ticks(x)]
    for value in y.ticks:
        height = y.at(value, HEIGHT - BOTTOM, TOP)
        parts.append(
            Markup('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
                LEFT, WIDTH - RIGHT, height, height
            )
        )
        parts.append(
            Markup('<text x="{}" y="{}" text-anchor="end">{}</text>').format(
                LEFT - 6, height + 4, _tick(value)
            )
        )
    return Markup("").join(parts)


def draw_ticks(x: Axis) -> Markup:
    """Ticks and label of the axis below a chart."""
    parts = [
        Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(
            x.at(value, LEFT, WIDTH - RIGHT), HEIGHT - BOTTOM + 15, _tick(value)
        )
        for value in x.ticks
    ]
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(
        Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(
            middle, HEIGHT - 5, escape(x.label)
        )
    )
    return Markup("").join(parts)


def to_pixels(points: Sequence[tuple[float, float]], x: Axis, y: Axis) -> str:
    """Give points as SVG writes them; the last one twice, so that a single point is drawn too, as a dot."""
    points = [*points, points[-1]]
    return " ".join(f"{x.at(a, LEFT, WIDTH - RIGHT)},{y.at(b, HEIGHT - BOTTOM, TOP)}" for a, b in points)
