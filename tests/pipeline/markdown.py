"""Estimates and tables as the README files show them."""

from collections.abc import Mapping, Sequence

from stages.report import number_format
from stages.report.metrics import Interval


def cell(estimate: Mapping[str, float | None] | None) -> str:
    """An interval as the reports print it; empty where the method is not asked."""
    if estimate is None:
        return ""
    return number_format.text(
        Interval(*(float("nan") if estimate[end] is None else estimate[end] for end in Interval._fields))
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lines of a table, each with its end."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
