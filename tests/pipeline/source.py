"""Reading the source code: which modules a package imports, and which parameters its `__main__` reads.

A parameter that the preset may hold counts twice, for params.yaml's own value and for the preset's.

By syntax tree alone, so that imports inside functions count and nothing heavy is loaded.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

from pydantic import BaseModel

import tools.imports
from common.core.params import Params, Preset
from tests.support.helpers import ROOT

PRESET = "presets.${base.preset}."
OURS = ("stages", "common", "commands")
# of what is shared, these are depended on module by module: stages use different ones, and they change apart
ONE_BY_ONE = ("common/methods", "common/prompts")


def packages(room: str) -> list[str]:
    """The packages of `stages` or `commands` that can be run, as paths."""
    return sorted(f"{room}/{path.parent.name}" for path in (ROOT / room).glob("*/__main__.py"))


def code_deps(package: str) -> set[str]:
    """What dvc.yaml must list as the code of a package such as "stages/train".

    Packages are named as folders, and `ONE_BY_ONE` module by module.
    """
    return {_dep(path) for path in closure(package)}


def closure(package: str) -> set[Path]:
    """All source files that the modules of a package import, directly or through others.

    An `__init__.py` that holds nothing but a docstring is left out: it can change no result.
    """
    reached: set[Path] = set()
    waiting = sorted((ROOT / package).glob("**/*.py"))
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            waiting += imports(path)
    return {path for path in reached if path.name != "__init__.py" or not _changes_nothing(path)}


def imports(path: Path) -> Iterator[Path]:
    """The files of this repository that one file imports, at its top or in functions, but not for types."""
    return tools.imports.imports(path, ROOT, OURS)


def params_read(package: str) -> set[str]:
    """The leaf keys of params.yaml that a `__main__` reads; `subject(id)` reads `subjects.${key}`."""
    tree = ast.parse((ROOT / package / "__main__.py").read_text())
    names: dict[str, list[str]] = {}  # local name → the path it stands for, [] for the whole file
    read: set[str] = set()
    for node in _outermost(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            at = [] if _loads(node.value) else _path(node.value, names)
            if at is not None and _section(at) is not None:
                names[node.targets[0].id] = at
                continue
        read |= {leaf for at in _paths(node, names) for leaf in leaves(".".join(at))}
    return read | {PRESET + leaf for leaf in read & _leaves(Preset, [])}


def leaves(key: str) -> set[str]:
    """The keys below `key` that hold no further section; `subjects` and its entries count as such."""
    if key.startswith(PRESET):
        return {PRESET + leaf for leaf in _leaves(Preset, key.removeprefix(PRESET).split("."))}
    return _leaves(Params, key.split(".") if key else [])


def _leaves(top: type[BaseModel], at: list[str]) -> set[str]:
    section = None if at[:1] in (["subjects"], ["methods"]) else _section(at, top)
    if section is not None:
        return {leaf for name in section.model_fields for leaf in _leaves(top, [*at, name])}
    if getter := _property(_section(at[:-1], top), at[-1]):
        source = ast.parse(textwrap.dedent(inspect.getsource(getter)))
        own = [node for node in ast.walk(source) if isinstance(node, ast.Attribute)]
        of_self = [node.attr for node in own if isinstance(node.value, ast.Name) and node.value.id == "self"]
        return {leaf for name in of_self for leaf in _leaves(top, [*at[:-1], name])}
    return {".".join(at)}


def _property(section: type[BaseModel] | None, name: str) -> Callable[..., object] | None:
    """The function behind a property of a section, which may read nothing but values of `self`."""
    found = getattr(section, name, None)
    return found.fget if isinstance(found, property) else None


def _dep(path: Path) -> str:
    name = path.relative_to(ROOT)
    depth = 3 if name.as_posix().startswith(ONE_BY_ONE) else 2
    return Path(*name.parts[:depth]).as_posix()


def _changes_nothing(path: Path) -> bool:
    """Whether an `__init__.py` is a docstring, or `common`'s, which refuses another Python."""
    return path == ROOT / "common/__init__.py" or len(ast.parse(path.read_text()).body) <= 1


def _outermost(tree: ast.Module) -> Iterator[ast.AST]:
    """Simple statements and the heads of compound ones, in order."""
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and not hasattr(node, "body"):
            yield node
        elif isinstance(node, (ast.For, ast.If, ast.While, ast.With)):
            yield from (child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.stmt))


def _loads(node: ast.expr) -> bool:
    """`params.load()` or `load()`."""
    return isinstance(node, ast.Call) and ast.unparse(node.func) in ("params.load", "load")


def _paths(node: ast.AST, names: dict[str, list[str]]) -> Iterator[list[str]]:
    """Every path read in an expression, the longest first and only once."""
    at = _path(node, names) if isinstance(node, ast.expr) else None
    if at is not None:
        yield at
        children = [arg for call in ast.walk(node) if isinstance(call, ast.Call) for arg in call.args]
        children += [part.slice for part in ast.walk(node) if isinstance(part, ast.Subscript)]
    else:
        children = list(ast.iter_child_nodes(node))
    for child in children:
        yield from _paths(child, names)


def _path(node: ast.expr, names: dict[str, list[str]]) -> list[str] | None:
    """The path that an expression such as `p.train.epochs` or `p.subjects.items()` reads, else None."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        owner = _path(node.func.value, names)
        if owner == [] and node.func.attr == "subject":
            return ["subjects", "${key}"]
        return owner
    if isinstance(node, (ast.Attribute, ast.Subscript)):
        owner = _path(node.value, names)
        if owner is None or isinstance(node, ast.Subscript):
            return owner
        section = _section(owner)
        read = section and (node.attr in section.model_fields or _property(section, node.attr))
        return [*owner, node.attr] if read else owner
    return None


def _section(at: list[str], top: type[BaseModel] = Params) -> type[BaseModel] | None:
    """The section of the parameters at a path; None for a value."""
    section: object = top
    for name in at:
        if not (
            isinstance(section, type) and issubclass(section, BaseModel) and name in section.model_fields
        ):
            return None
        annotation = section.model_fields[name].annotation
        section = annotation if isinstance(annotation, type) and not get_args(annotation) else None
    return section if isinstance(section, type) and issubclass(section, BaseModel) else None
