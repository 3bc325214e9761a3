"""Which files of a repository import which, read by syntax tree alone, so that nothing heavy is loaded."""

import ast
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path


def imports(path: Path, root: Path, packages: Collection[str], for_types: bool = False) -> Iterator[Path]:
    """The files below `root` that one file imports, at its top or in functions.

    Args:
        path: the file that imports.
        root: where absolute imports begin.
        packages: names of the top-level packages that count.
        for_types: whether imports under `if TYPE_CHECKING` count as well.
    """
    for node in _nodes(ast.parse(path.read_text(encoding="utf-8")), for_types):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            target = root.joinpath(*name.split("."))
            for file in (target.with_suffix(".py"), target / "__init__.py"):
                if name.partition(".")[0] in packages and file.exists():
                    yield file


def circles(root: Path, packages: Collection[str], for_types: bool = False) -> list[list[str]]:
    """The groups of files that import each other, directly or through others, as paths below `root`.

    A package's own `__init__.py`, which holds it together, does not count.
    """
    imported = {
        file: [
            other
            for other in imports(file, root, packages, for_types)
            if other != file and not (other.name == "__init__.py" and other.parent in file.parents)
        ]
        for package in packages
        for file in sorted((root / package).glob("**/*.py"))
    }
    reached = {file: _reached(file, imported) for file in imported}
    groups = {
        tuple(other.relative_to(root).as_posix() for other in imported if _each_other(file, other, reached))
        for file in imported
    }
    return sorted(list(group) for group in groups if group)


def _reached(file: Path, imported: Mapping[Path, Collection[Path]]) -> set[Path]:
    """All that a file imports, directly or through others; itself, if it is in a circle."""
    reached: set[Path] = set()
    waiting = [*imported[file]]
    while waiting:
        other = waiting.pop()
        if other not in reached:
            reached.add(other)
            waiting += imported.get(other, ())
    return reached


def _each_other(one: Path, other: Path, reached: Mapping[Path, Collection[Path]]) -> bool:
    return other in reached[one] and one in reached[other]


def _nodes(node: ast.AST, for_types: bool) -> Iterator[ast.AST]:
    """All nodes; those under `if TYPE_CHECKING` only if asked for."""
    yield node
    if for_types or not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
        for child in ast.iter_child_nodes(node):
            yield from _nodes(child, for_types)
