"""params.yaml with one value that cannot be, with aliases, tags and depth, and damaged."""

import copy
import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from ruamel.yaml import YAML

from common import methods
from common.core import params, subject_lines
from common.core.errors import UserError
from tests.hostile.drawn import JSON, NUMBERS, WORDS, damaged
from tests.support.helpers import ROOT

LINES, LONGEST = 25, 700  # of what is said
WHOLE: dict[str, Any] = YAML(typ="safe").load(ROOT / "params.yaml")
WHOLE["presets"] = {"embedded": WHOLE["presets"]["embedded"]}
WHOLE["subjects"] = {"bo": {"kind": "pet", "source": "world"}}
ODD = st.sampled_from(
    [
        "!!python/object/apply:os.system [a]",
        "!!int x",
        "!!binary '@'",
        "!!omap [a]",
        ".inf",
        "-.inf",
        ".nan",
        "1e400",
        "2001-13-45",
        "0x" + "f" * 2000,
        "9" * 2000,
        "*a",
        "&a [*a]",
        "[" * 5000,
        "'" + "x" * 5000 + "'",
        '"\\e[2J"',
        '"\\ud800"',
        "{<<: 3}",
        "? {a: b}",
    ]
)


def places(value: Any, at: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The keys of every value."""
    below = value.items() if isinstance(value, dict) else []
    return [at, *(place for key, inner in below for place in places(inner, (*at, key)))]


PLACES = places(WHOLE)[1:]


def bomb(levels: int, width: int) -> str:
    """A list of lists of lists, each `width` times the one before, by aliases."""
    names = [f"n{level}" for level in range(levels)]
    each = [f"{new}: &{new} [{', '.join([f'*{old}'] * width)}]\n" for old, new in pairwise(names)]
    return f"n0: &n0 [{'1, ' * width}1]\n" + "".join(each)


BOMBS = st.builds(bomb, st.integers(2, 12), st.integers(1, 12))


@st.composite
def texts(draw: Callable) -> bytes:
    """The file with one value changed or gone, with something odd in front or in its place, or cut off."""
    values = copy.deepcopy(WHOLE)
    *above, last = draw(st.sampled_from(PLACES))
    section = values
    for key in above:
        section = section[key]
    change, odd = draw(st.sampled_from(["value", "key", "odd", "gone", "bomb"])), draw(ODD)
    mark = "THE PLACE"
    if change == "value":
        section[last] = draw(NUMBERS | WORDS | JSON)
    elif change == "key":
        section[draw(WORDS)] = section.pop(last)
    elif change == "gone":
        del section[last]
    else:
        section[last] = mark
        odd = "*n1" if change == "bomb" else odd
    text = json.dumps(values, indent=1, ensure_ascii=draw(st.booleans())).replace(f'"{mark}"', odd)
    if change == "bomb":  # in block style, so that the anchors stand before
        text = draw(BOMBS) + text.strip("{}").replace("\n ", "\n")
    return damaged(draw, text.encode("utf-8", "surrogatepass"))


def params_files(data: bytes) -> None:
    """The file is read, or its mistakes are a few short lines; a subject is added to it, or not."""
    Path("params.yaml").write_bytes(data)
    try:
        said = methods.check(params.load().methods)
    except UserError as error:
        said = str(error).split("\n")
    assert len(said) <= LINES and all(len(line) <= LONGEST for line in said), said
    try:
        subject_lines.proposal({"zoe": "pet"}, params.load)
    except UserError as error:
        assert len(str(error)) <= LINES * LONGEST
