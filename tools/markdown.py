"""Estimates and tables as the README files show them, and where in a file they stand."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from common.core.errors import UserError
from stages.report import number_format, results


def cell(estimate: Mapping[str, float | None] | None) -> str:
    """An interval as the reports print it; empty where the method is not asked."""
    return "" if estimate is None else number_format.text(results.from_json(estimate))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lines of a table, each with its end."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def span(content: str, name: str, path: Path) -> tuple[int, int]:
    """Where the text between the two comments that mark a generated part starts and ends.

    Raises UserError, naming `path`, if `content` lacks them.
    """
    part = re.search(rf"<!-- {name}: made by `[^`]+` -->\n(.*?)<!-- /{name} -->", content, re.DOTALL)
    if not part:
        raise UserError(f"{path} has lost the comments around its part {name!r}: restore them with git")
    return part.span(1)
