"""Lines under `subjects:` in params.yaml, added or taken out, every other byte of the file as it was.

What a valid file is, `params` says, whose `load` is passed in, for only a `__main__` may touch parameters.
"""

import io as memory
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias, TypeVar

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from common.core import io, paths
from common.core.errors import UserError

Params = TypeVar("Params")
Kinds: TypeAlias = Mapping[str, str | Mapping[str, str]]  # id → its kind, or all that its line says


def proposal(
    kinds: Kinds, load: Callable[[Path], Params], change: Callable[[str], str] = str
) -> tuple[str, Params]:
    """params.yaml with a line for each subject of `kinds`, as text and as loaded by `load`.

    `change` is what else happens to the text, once it has these lines.

    Raises UserError when an id is taken or invalid, or when the file was not valid before.
    """
    subjects = _subjects()
    if subjects is None:
        load(paths.PARAMS)  # raises the sentence that says what is wrong with the file
        raise UserError(f"{paths.PARAMS} has no `subjects:` that lines can be added to: mend it by hand")
    text, key, section = subjects
    taken = {name.value for name, _ in section.value} if isinstance(section, MappingNode) else set()
    if again := sorted(taken & set(kinds)):
        raise UserError(
            f"{paths.PARAMS} lists {', '.join(again)} already: use another id, or remove the line"
        )
    new = change(_insert(text, key, section, [_line(*entry) for entry in kinds.items()]))
    return new, _loaded(new, load)


@contextmanager
def written_last(
    kinds: Kinds, load: Callable[[Path], Params], change: Callable[[str], str] = str
) -> Iterator[None]:
    """Add the lines to params.yaml once the body has ended well; its room on the disk is taken before.

    Nobody else can add meanwhile, and what was added since the proposal is kept. Raises as `proposal`.
    """
    with io.atomic(paths.PARAMS) as file:
        file.write(proposal(kinds, load, change)[0].encode())
        yield


def remove(name: str, load: Callable[[Path], Params]) -> None:
    """Take a subject's line out of params.yaml.

    Raises UserError when it is not there, is the only one, or shares its line with others.
    """
    with io.atomic(paths.PARAMS) as file:
        load(paths.PARAMS)  # raises the sentence that says what is wrong with the file
        text, _, section = _subjects() or ("", None, None)
        there = section.value if isinstance(section, MappingNode) else []
        entries = [(key, value) for key, value in there if key.value == name]
        if not isinstance(section, MappingNode) or not entries:
            raise UserError(f"{paths.PARAMS} lists no subject {name}: it may be gone already")
        if section.flow_style:
            raise UserError(f"{paths.PARAMS} has its subjects on one line: take {name} out by hand")
        if not section.value[1:]:
            raise UserError(f"{name} is the only subject in {paths.PARAMS}: add another first")
        start, end = lines_of(text, *entries[0])
        shorter = text[:start] + text[end:]
        _loaded(shorter, load)
        file.write(shorter.encode())


def _subjects() -> tuple[str, ScalarNode, Node] | None:
    """The text of params.yaml and the nodes of its key and value `subjects`, if it has them."""
    try:
        text = paths.PARAMS.read_bytes().decode()
        document = YAML().compose(text)
    except (OSError, ValueError, YAMLError, RecursionError):
        return None
    pairs = document.value if isinstance(document, MappingNode) else []
    return next(((text, key, value) for key, value in pairs if key.value == "subjects"), None)


def _line(name: str, entry: str | Mapping[str, str]) -> str:
    """`name: {kind: kind}`, the name quoted if YAML would read a number or the like."""
    yaml, out = YAML(), memory.StringIO()
    yaml.default_flow_style = None  # braces for the innermost mapping alone
    yaml.width = 1000  # a line is one line
    yaml.dump({name: {"kind": entry} if isinstance(entry, str) else dict(entry)}, out)
    return out.getvalue().rstrip("\n")


def _insert(text: str, key: ScalarNode, section: Node, lines: list[str]) -> str:
    """The text with the lines behind the last subject."""
    if isinstance(section, MappingNode) and section.flow_style:
        at = section.end_mark.index - 1  # before the brace
        piece = (", " if section.value else "") + ", ".join(lines)
    else:
        entries = section.value if isinstance(section, MappingNode) else []
        indent = entries[0][0].start_mark.column if entries else 2
        end = end_of(section) if entries else key.end_mark.index
        newline = "\r\n" if "\r\n" in text else "\n"
        at = text.find(newline, end)
        at = len(text) if at < 0 else at
        piece = "".join(f"{newline}{' ' * indent}{line}" for line in lines)
    return text[:at] + piece + text[at:]


def end_of(node: Node) -> int:
    """Where a value's own text ends: that of a block reaches over the comments behind it."""
    if isinstance(node, MappingNode) and not node.flow_style and node.value:
        return end_of(node.value[-1][1])
    return node.end_mark.index


def lines_of(text: str, key: Node, value: Node) -> tuple[int, int]:
    """Where the lines of an entry stand, from its key's to the end of its value's."""
    end = text.find("\n", end_of(value) - 1)
    return text.rfind("\n", 0, key.start_mark.index) + 1, len(text) if end < 0 else end + 1


def _loaded(text: str, load: Callable[[Path], Params]) -> Params:
    """The text as parameters; errors name params.yaml, not the copy that is loaded here."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, paths.PARAMS.name)
        io.write_bytes(copy, text.encode())
        try:
            return load(copy)
        except UserError as error:
            raise UserError(str(error).replace(str(copy), str(paths.PARAMS))) from None
