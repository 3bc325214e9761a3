"""Estimates and tables as the README files show them."""

from collections.abc import Mapping, Sequence

from stages.report import number_format, results


def cell(estimate: Mapping[str, float | None] | None) -> str:
    """An interval as the reports print it; empty where the method is not asked."""
    return "" if estimate is None else number_format.text(results.from_json(estimate))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lines of a table, each with its end."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
