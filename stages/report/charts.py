"""Inline SVG: lines with an optional band, dots, and histograms. Colors come from the page's style sheet.

Text that comes from outside is escaped here, because the result
is marked as safe.
"""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from stages.report.axes import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Axis,
    draw_axes,
    draw_ticks,
    to_pixels,
)


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


def line_chart(
    title: str,
    x: Axis,
    y: Axis,
    lines: Sequence[Line],
    band: Sequence[tuple[float, float, float]] = (),
    diagonal: bool = False,
) -> Markup:
    """Curves over axes; `band` (x, low, high) is an area behind them, `diagonal` marks chance in a ROC."""
    parts = [draw_axes(x, y)]
    if band:
        edge = [(at, high) for at, _, high in band] + [(at, low) for at, low, _ in reversed(band)]
        parts.append(Markup('<polygon class="band" points="{}"/>').format(to_pixels(edge, x, y)))
    if diagonal:
        parts.append(_diagonal(x, y))
    parts += [
        Markup('<polyline class="line {}" points="{}"><title>{}</title></polyline>').format(
            line.style, to_pixels(line.points, x, y), line.name
        )
        for line in lines
    ]
    return _svg(title, parts)


def dot_chart(
    title: str, x: Axis, y: Axis, dots: Sequence[Dot], diagonal: bool = False, joined: bool = False
) -> Markup:
    """Dots over axes; texts stand beside them, or above where a line joins them, and cover nothing."""
    parts = [draw_axes(x, y)]
    if diagonal:
        parts.append(_diagonal(x, y))
    if joined and dots:
        through = to_pixels([(dot.x, dot.y) for dot in dots], x, y)
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
    parts = [draw_ticks(x)]
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
    ends = to_pixels([(x.low, y.low), (x.high, y.high)], x, y)
    return Markup('<polyline class="chance" points="{}"/>').format(ends)


def _svg(title: str, parts: Sequence[Markup]) -> Markup:
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, HEIGHT, title, Markup("").join(parts)
    )
