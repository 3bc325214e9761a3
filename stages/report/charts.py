"""Inline SVG: lines with an optional band, and small histograms. Colors come from the page's style sheet.

Owns geometry only. Text that comes from outside is escaped here, because the result is marked as safe.
"""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 360, 216, 38, 12, 12, 38


class Line(NamedTuple):
    """A named curve; `style` is a class of the style sheet."""

    name: str
    style: str
    points: Sequence[tuple[float, float]]


class Axis(NamedTuple):
    """A labeled axis from `low` to `high` with ticks."""

    label: str
    low: float
    high: float
    ticks: Sequence[float]

    def at(self, value: float, start: float, end: float) -> float:
        """Pixel of a value between the pixels of low and high."""
        return round(start + (value - self.low) / ((self.high - self.low) or 1) * (end - start), 2)


def line_chart(
    title: str,
    x: Axis,
    y: Axis,
    lines: Sequence[Line],
    band: Sequence[tuple[float, float, float]] = (),
    diagonal: bool = False,
) -> Markup:
    """Curves over axes; `band` (x, low, high) is an area behind them, `diagonal` marks chance in a ROC."""
    parts = [_axes(x, y)]
    if band:
        edge = [(at, high) for at, _, high in band] + [(at, low) for at, low, _ in reversed(band)]
        parts.append(Markup('<polygon class="band" points="{}"/>').format(_points(edge, x, y)))
    if diagonal:
        ends = _points([(x.low, y.low), (x.high, y.high)], x, y)
        parts.append(Markup('<polyline class="chance" points="{}"/>').format(ends))
    parts += [
        Markup('<polyline class="line {}" points="{}"><title>{}</title></polyline>').format(
            line.style, _points(line.points, x, y), line.name
        )
        for line in lines
    ]
    return _svg(title, parts)


def histograms(title: str, x: Axis, rows: Sequence[tuple[str, str, Sequence[float]]]) -> Markup:
    """Histograms (name, style, shares) one above another on one x axis, each scaled to its highest bar."""
    parts = [_ticks(x)]
    room = (HEIGHT - TOP - BOTTOM) / len(rows)
    for number, (name, style, shares) in enumerate(rows):
        floor = TOP + room * (number + 1)
        step = (WIDTH - LEFT - RIGHT) / len(shares)
        tallest = max(shares) or 1
        for i, share in enumerate(shares):
            height = share / tallest * (room - 18)
            parts.append(
                Markup('<rect class="bar {}" x="{}" y="{}" width="{}" height="{}"/>').format(
                    style,
                    round(LEFT + step * i + 0.5, 2),
                    round(floor - height, 2),
                    round(step - 1, 2),
                    round(height, 2),
                )
            )
        parts.append(
            Markup('<line class="axis" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
                LEFT, WIDTH - RIGHT, *[round(floor, 2)] * 2
            )
        )
        parts.append(
            Markup('<text class="name" x="{}" y="{}">{}</text>').format(
                LEFT, round(floor - room + 11, 2), name
            )
        )
    return _svg(title, parts)


def epochs(numbers: Sequence[int]) -> Axis:
    """The axis of a training curve: from its first epoch to its last, with at most six ticks, all whole."""
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100, len(numbers)) if len(numbers) / step <= 6)
    return Axis("epoch", numbers[0], numbers[-1], [n for n in numbers if n % step == 0])


def ticks(high: float) -> list[float]:
    """At most six round values from 0 up to `high`, 1, 2 or 5 times a power of ten apart."""
    steps = (digit * 10.0**power for power in range(-6, 12) for digit in (1, 2, 5))
    step = next(step for step in steps if high / step < 6)
    return [round(step * i, 6) for i in range(int(high / step) + 1)]


def _svg(title: str, parts: Sequence[Markup]) -> Markup:
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, HEIGHT, title, Markup("").join(parts)
    )


def _axes(x: Axis, y: Axis) -> Markup:
    parts = [_ticks(x)]
    for value in y.ticks:
        height = y.at(value, HEIGHT - BOTTOM, TOP)
        parts.append(
            Markup('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
                LEFT, WIDTH - RIGHT, height, height
            )
        )
        parts.append(
            Markup('<text x="{}" y="{}" text-anchor="end">{:g}</text>').format(LEFT - 6, height + 4, value)
        )
    return Markup("").join(parts)


def _ticks(x: Axis) -> Markup:
    parts = [
        Markup('<text x="{}" y="{}" text-anchor="middle">{:g}</text>').format(
            x.at(value, LEFT, WIDTH - RIGHT), HEIGHT - BOTTOM + 15, value
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


def _points(points: Sequence[tuple[float, float]], x: Axis, y: Axis) -> str:
    points = [*points, points[-1]]  # so that a single point is drawn too, as a dot
    return " ".join(f"{x.at(a, LEFT, WIDTH - RIGHT)},{y.at(b, HEIGHT - BOTTOM, TOP)}" for a, b in points)
