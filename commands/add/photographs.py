"""Changes of params.yaml for real photographs, every other byte of the file as it was.

Owns which values those are: the base for photographs; where negatives come from; and none of what belongs to
the comparison of methods on drawings, which would take most of the time: no drawn subjects, no other methods,
few questions about drawings.
"""

import re
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from common.core import paths, subject_lines
from common.core.errors import UserError

PRESET = "photographs"
DRAWN = "world"
Value = str | int | None
VALUES: dict[tuple[str, str], Value] = {
    ("base", "preset"): PRESET,
    ("world", "general_photos"): 4,  # drawings say nothing about a base for photographs
    ("evaluate", "general_subjects"): 1,
}
PLAIN = re.compile(r"[a-z/][a-z/_-]*")


def settle(text: str, others: Path | None) -> str:
    """The text of params.yaml with the base for photographs and the user's own subjects alone.

    Args:
        text: of a valid params.yaml.
        others: pictures of other things, which negatives are taken from: a folder, or a file that lists URLs;
            None leaves `index`.

    Raises UserError when `others` does not exist.

    """
    values = dict(VALUES)
    if others is not None:
        if not others.exists():
            raise UserError(
                f"--others {others} is missing: name a folder with pictures of other things, or a list of "
                "their addresses"
            )
        values |= {
            ("world", "corpus"): 1,  # nothing is taken from it
            ("world", "corpus_lookalikes"): 0,
            ("index", "source"): "folder" if others.is_dir() else "urls",
            ("index", "location"): others.resolve().as_posix(),
            ("index", "serve"): None,
        }
    root = YAML().compose(text)
    _, subjects = _at(root, "subjects")
    drawn = [pair for pair in subjects.value if _says(pair[1], "source", DRAWN)]
    if drawn and subjects.flow_style:
        raise UserError(f"{paths.PARAMS} has its subjects on one line: take the drawn ones out by hand")
    edits = [(*_span(_at(root, *key)[1]), _scalar(value)) for key, value in values.items()]
    edits += [(*subject_lines.lines_of(text, *pair), "") for pair in drawn]
    edits += _emptied(text, *_at(root, "methods"))
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _at(node: Node, *keys: str) -> tuple[Node, Node]:
    """The nodes of the last of these keys and of its value."""
    for name in keys:
        key, node = next(pair for pair in node.value if pair[0].value == name)
    return key, node


def _says(entry: Node, name: str, word: str) -> bool:
    pairs = entry.value if isinstance(entry, MappingNode) else []
    return any(key.value == name and value.value == word for key, value in pairs)


def _span(node: Node) -> tuple[int, int]:
    """Where a scalar's own text stands: a block scalar's mark reaches over the comment behind it."""
    assert isinstance(node, ScalarNode)
    return node.start_mark.index, node.end_mark.index


def _emptied(text: str, key: Node, section: Node) -> list[tuple[int, int, str]]:
    """The edits after which the section is ``{}``: start, end and what stands there then."""
    if section.flow_style:
        return [(section.start_mark.index, section.end_mark.index, "{}")]
    first, colon = section.value[0][0].start_mark, text.index(":", key.end_mark.index) + 1
    # its lines with those of comments alone, blank ones between them too
    block = re.compile(rf"(?:(?:[ \t]*\r?\n)*[ ]{{{first.column},}}\S.*(?:\n|\Z))*")
    start = first.index - first.column
    return [(colon, colon, " {}"), (start, block.match(text, start).end(), "")]


def _scalar(value: Value) -> str:
    """The value as YAML, quoted where it is more than a plain word or path."""
    if not isinstance(value, str) or PLAIN.fullmatch(value):
        return "null" if value is None else str(value)
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
