"""YAML that people write: read within bounds of size, depth and aliases, or refused in one sentence."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, ScalarEvent

from common.core import texts
from common.core.errors import UserError, shown
from common.core.progress import printable

MAX_BYTES, MAX_NODES, MAX_DEPTH, MAX_LETTERS = 2**20, 50_000, 20, 3000  # of the file, of one value


def read(path: Path) -> Any:
    """The value that a file holds, by YAML 1.2, as DVC reads it (where 1e-4 is a number and `no` is a word).

    Raises:
        FileNotFoundError: there is none.
        UserError: it is no regular file, too large, no UTF-8, no YAML, or becomes far more than it looks.

    """
    text = texts.read(path, MAX_BYTES)
    try:
        _refuse_bombs(text)
        return YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError) as error:  # ValueError: a date or a number that is none
        raise UserError(f"{shown(path)} is not valid YAML: {_problem(error)}") from None


def _refuse_bombs(text: str) -> None:
    """Raise ValueError for YAML that becomes far more than it looks: by aliases of aliases, or by depth."""
    unclosed: list[tuple[str | None, int]] = []  # of each collection: its anchor, and the nodes before it
    nodes, below = 0, {}  # so far; of each anchor
    for event in YAML(typ="safe", pure=True).parse(text):
        line = event.start_mark.line + 1
        if isinstance(event, AliasEvent):
            nodes += below.get(event.anchor, 0)
        elif isinstance(event, CollectionEndEvent):
            anchor, before = unclosed.pop()
            below[anchor] = nodes - before
        elif isinstance(event, CollectionStartEvent):
            unclosed.append((event.anchor, nodes))
            below[event.anchor] = MAX_NODES  # in itself an alias has no end
        elif isinstance(event, ScalarEvent) and len(event.value) > MAX_LETTERS:
            raise ValueError(f"a value in line {line} has more than {MAX_LETTERS:,} letters")
        nodes += 1
        if len(unclosed) > MAX_DEPTH or nodes > MAX_NODES:
            raise ValueError(
                f"line {line} is more than {MAX_DEPTH} levels deep, or is where aliases make more than "
                f"{MAX_NODES:,} values"
            )


def _problem(error: Exception) -> str:
    if isinstance(error, MarkedYAMLError) and error.problem_mark:
        problem = printable((error.problem or "").split("\n")[0])
        return f"{problem} in line {error.problem_mark.line + 1}; mend that line"
    return f"{printable(error)}; mend it"
