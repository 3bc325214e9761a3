"""Numbers as papers print them; axes, curves and dots."""

import math
import re

import pytest

from stages.report import axes, charts, number_format
from stages.report.metrics import Interval


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (0.926, ".93"),
        (1.0, "1.00"),
        (0.999, "1.00"),
        (0.995, ".99"),  # a little less, as a float
        (-0.04, "-.04"),
        (-0.004, ".00"),
        (0.0, ".00"),
        (math.nan, "n/a"),
    ],
)
def test_rates_are_printed_as_in_papers(value, printed):
    assert number_format.decimal(value) == printed


def test_differences_carry_their_sign_and_a_mark_where_the_interval_excludes_0():
    assert number_format.difference(Interval(0.12, 0.08, 0.16)) == "+.12 (+.08 to +.16)*"
    assert number_format.difference(Interval(-0.02, -0.05, 0.0)) == "-.02 (-.05 to .00)"
    assert number_format.difference(Interval(math.nan, math.nan, math.nan)) == "n/a"


def test_costs_and_shares_are_rounded_to_what_is_read():
    assert [number_format.size(n) for n in (0, 54.2, 999, 15192, 4.8e6, 3e9)] == [
        "0 B", "54 B", "999 B", "15.2 kB", "4.8 MB", "3.0 GB"
    ]  # fmt: skip
    assert [number_format.count(n) for n in (0, 15.8, 20, 3456, 1.25e6)] == [
        "0",
        "15.8",
        "20",
        "3,456",
        "1.2 M",
    ]
    assert [number_format.percent(n) for n in (0, 0.004, 0.12, 1, math.nan)] == [
        "0",
        "0.4 %",
        "12 %",
        "100 %",
        "n/a",
    ]


@pytest.mark.parametrize(
    ("last", "shown"), [(1, [1]), (3, [1, 2, 3]), (12, [2, 4, 6, 8, 10, 12]), (700, [])], ids=str
)
def test_the_epochs_of_a_curve_have_whole_and_few_ticks(last: int, shown: list[int]):
    axis = axes.epochs(range(1, last + 1))
    assert (axis.low, axis.high) == (1, last) and len(axis.ticks) <= 6
    assert axis.ticks == (shown or [700])


def test_a_curve_of_one_epoch_is_drawn_as_a_dot():
    axis = axes.epochs([1])
    svg = charts.line_chart("loss", axis, axes.Axis("loss", 0, 1, [0, 1]), [charts.Line("l", "", [(1, 0.5)])])
    assert re.search(r'<polyline class="line " points="([\d.]+,[\d.]+) \1"', svg)


def test_texts_beside_dots_cover_neither_dots_nor_each_other():
    axis = axes.Axis("", 0, 1, [0, 1])
    dots = [charts.Dot(0.5, 0.5 + 0.01 * i, 4, "", str(i), "") for i in range(4)]
    svg = charts.dot_chart("t", axis, axis, dots)
    texts = [
        (float(x), float(y))
        for x, y in re.findall(r'<text x="([\d.]+)" y="([\d.]+)" [^>]*>\d</text></g>', svg)
    ]
    assert len(texts) == 4
    assert all(abs(a - c) > 11 or abs(b - d) > 9 for i, (a, b) in enumerate(texts) for c, d in texts[:i])


def test_a_logarithmic_axis_runs_between_powers_of_ten():
    assert axes.decades(54, 3.7e6) == [10, 100, 1e3, 1e4, 1e5, 1e6, 1e7]
    assert axes.decades(10, 10) == [10, 100] and axes.decades(0.5, 2) == [0.1, 1, 10]
    axis = axes.Axis("", 1, 10_000, axes.decades(1, 10_000), log=True)
    assert [axis.at(value, 0, 100) for value in axis.ticks] == [0, 25, 50, 75, 100]
