"""Changes of params.yaml for real photographs, every other byte of the file as it was.

Owns which values those are: the base for photographs, no drawn subjects, no method that this base, whose
captions never name anybody, cannot teach, and where negatives come from.
"""

import re
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from common import methods
from common.core import paths, subject_lines
from common.core.errors import UserError
from common.core.preset import with_preset

PRESET = "photographs"
DRAWN = "world"
PLAIN = re.compile(r"[a-z/][a-z/_-]*")


def settle(text: str, others: Path | None) -> str:
    """The text of params.yaml with the base for photographs and the user's own subjects alone.

    Args:
        text: of a valid params.yaml.
        others: pictures of other things, which negatives are taken from: a folder, or a file that lists URLs;
            None leaves `index`.

    Raises UserError when `others` does not exist.

    """
    values = {("base", "preset"): PRESET}
    if others is not None:
        if not others.exists():
            raise UserError(
                f"--others {others} is missing: name a folder with pictures of other things, or a list of "
                "their addresses"
            )
        values |= {
            ("index", "source"): "folder" if others.is_dir() else "urls",
            ("index", "location"): others.resolve().as_posix(),
            ("index", "serve"): None,
        }
    root = YAML().compose(text)
    subjects = _at(root, "subjects")
    drawn = [pair for pair in subjects.value if _says(pair[1], "source", DRAWN)]
    if drawn and subjects.flow_style:
        raise UserError(f"{paths.PARAMS} has its subjects on one line: take the drawn ones out by hand")
    edits = [(*_span(_at(root, *key)), _scalar(value)) for key, value in values.items()]
    chosen = YAML(typ="safe").load(text)
    chosen["base"]["preset"] = PRESET
    untaught = methods.untaught_without_names(with_preset(chosen)["methods"])
    left_out = drawn + [pair for pair in _at(root, "methods").value if pair[0].value in untaught]
    edits += [(*subject_lines.lines_of(text, key, value), "") for key, value in left_out]
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _at(node: Node, *keys: str) -> Node:
    for name in keys:
        node = next(value for key, value in node.value if key.value == name)
    return node


def _says(entry: Node, name: str, word: str) -> bool:
    pairs = entry.value if isinstance(entry, MappingNode) else []
    return any(key.value == name and value.value == word for key, value in pairs)


def _span(node: Node) -> tuple[int, int]:
    """Where a scalar's own text stands: a block scalar's mark reaches over the comment behind it."""
    assert isinstance(node, ScalarNode)
    return node.start_mark.index, node.end_mark.index


def _scalar(value: str | None) -> str:
    """The value as YAML, quoted where it is more than a plain word or path."""
    if value is None or PLAIN.fullmatch(value):
        return value or "null"
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
