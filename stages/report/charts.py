"""Inline SVG: lines with an optional band, dots, and histograms. Colors come from the page's style sheet.

Owns geometry only. Text that comes from outside is escaped here, because the result is marked as safe.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 360, 216, 38, 12, 12, 38


class Line(NamedTuple):
    """A named curve; `style` is a class of the style sheet."""

    name: str
    style: str
    points: Sequence[tuple[float, float]]


class Dot(NamedTuple):
    """A mark at a point, with a short text beside it and a longer one for who asks (the element's title).

    `ends` are the lower and upper end of a line through it, or None.
    """

    x: float
    y: float
    radius: float
    style: str
    text: str
    title: str
    ends: tuple[float, float] | None = None


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
        parts.append(_diagonal(x, y))
    parts += [
        Markup('<polyline class="line {}" points="{}"><title>{}</title></polyline>').format(
            line.style, _points(line.points, x, y), line.name
        )
        for line in lines
    ]
    return _svg(title, parts)


def dot_chart(
    title: str, x: Axis, y: Axis, dots: Sequence[Dot], diagonal: bool = False, joined: bool = False
) -> Markup:
    """Dots over axes; texts stand beside them, or above where a line joins them, and cover nothing."""
    parts = [_axes(x, y)]
    if diagonal:
        parts.append(_diagonal(x, y))
    if joined and dots:
        through = _points([(dot.x, dot.y) for dot in dots], x, y)
        parts.append(Markup('<polyline class="line thin" points="{}"/>').format(through))
    at = [(x.at(dot.x, LEFT, WIDTH - RIGHT), y.at(dot.y, HEIGHT - BOTTOM, TOP)) for dot in dots]
    taken = list(at)
    for dot, (across, up) in zip(dots, at, strict=True):
        stem = Markup("")
        if dot.ends:
            low, high = (y.at(end, HEIGHT - BOTTOM, TOP) for end in dot.ends)
            stem = Markup('<line class="stem" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>')
            stem = stem.format(across, low, high)
        mark = Markup('<circle cx="{}" cy="{}" r="{}"/>').format(across, up, round(dot.radius, 2))
        label = _label(dot, across, up, taken, above=joined)
        parts.append(
            Markup('<g class="dot {}"><title>{}</title>{}{}{}</g>').format(
                dot.style, dot.title, stem, mark, label
            )
        )
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


def decades(low: float, high: float) -> list[float]:
    """Powers of ten that enclose `low` and `high`, both above 0; two at least."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return [10.0**power for power in range(first, max(last, first + 1) + 1)]


def _label(dot: Dot, x: float, y: float, taken: list[tuple[float, float]], above: bool) -> Markup:
    """The text of a dot at the first free place above or beside it, which is then taken."""
    if not dot.text:
        return Markup("")
    beside = dot.radius + 4 + 4 * len(dot.text)
    places = [(x, y - 12), (x, y - 23)] if above else []
    places += [(x + side, y + up) for up in (0, -11, 11, -22, 22) for side in (beside, -beside)]
    free = (
        place for place in places if all(abs(place[0] - a) > 11 or abs(place[1] - b) > 9 for a, b in taken)
    )
    taken.append(next(free, places[0]))
    across, up = taken[-1]
    return Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(
        round(across, 2), round(up + 4, 2), dot.text
    )


def _diagonal(x: Axis, y: Axis) -> Markup:
    ends = _points([(x.low, y.low), (x.high, y.high)], x, y)
    return Markup('<polyline class="chance" points="{}"/>').format(ends)


def _tick(value: float) -> str:
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= max(size, 1e4):
            return f"{value / size:g}{unit}"
    return f"{value:g}"


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
            Markup('<text x="{}" y="{}" text-anchor="end">{}</text>').format(
                LEFT - 6, height + 4, _tick(value)
            )
        )
    return Markup("").join(parts)


def _ticks(x: Axis) -> Markup:
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


def _points(points: Sequence[tuple[float, float]], x: Axis, y: Axis) -> str:
    points = [*points, points[-1]]  # so that a single point is drawn too, as a dot
    return " ".join(f"{x.at(a, LEFT, WIDTH - RIGHT)},{y.at(b, HEIGHT - BOTTOM, TOP)}" for a, b in points)
