"""Ways to teach a model a subject, behind one interface: the soft prompt with its controls, and others.

Each package here is a method; its `METHOD` is a class of `interface.Method`. Every section under `methods` in
params.yaml names one (`method`) and its settings, and dvc.yaml fits and asks whatever params.yaml lists, so
that a new method is a new package and a section, and no change elsewhere. `soft_prompt` is the product's own
and is fitted by `stages.train`.
"""

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.core import paths, settings
from common.core.errors import UserError
from common.methods.interface import TITLES, Backbones, Method, Responder

Sections = Mapping[str, Mapping[str, Any]]


def check(sections: Sections) -> list[str]:
    """Problems of the sections under `methods` in params.yaml: unknown methods, wrong or unknown settings."""
    problems = []
    for name in sections:
        try:
            _open(name, sections)
        except UserError as error:
            problems.append(str(error))
    return problems


def untaught_without_names(sections: Sections) -> list[str]:
    """Sections whose method learns nothing from a base whose captions never name the subject.

    Raises UserError if a section has a mistake.
    """
    opened = {name: _open(name, sections) for name in sections}
    return [name for name, (method, chosen) in opened.items() if method.needs_named_captions(chosen)]


def prepare(name: str, sections: Sections, backbones: Backbones) -> Method:
    """Make the method of one section; raises UserError if there is no such section or it has a mistake."""
    method, chosen = _open(name, sections)
    return method(name, chosen, backbones)


def fitted(name: str, sections: Sections, backbones: Backbones, subjects: Sequence[str]) -> Responder:
    """What answers under a name: the soft prompts of these subjects, or the method of one section."""
    if name == paths.SOFT_PROMPT:
        own = importlib.import_module(f"{__name__}.{name}")
        return own.SoftPrompts(backbones, subjects)
    return prepare(name, sections, backbones)


def _open(name: str, sections: Sections) -> tuple[type[Method], settings.MethodSettings]:
    if name not in sections:
        known = ", ".join(sections) or "none yet"
        raise UserError(f"{paths.PARAMS} lists no method {name}: add methods.{name}, or use one of {known}")
    if name in TITLES:
        raise UserError(
            f"{paths.PARAMS}: methods.{name} cannot be named so: results call the soft prompt or one of its "
            "controls so; use another name"
        )
    package = sections[name].get("method")
    there = sorted(path.parent.name for path in Path(__file__).parent.glob("*/__init__.py"))
    module = importlib.import_module(f"{__name__}.{package}") if package in there else None
    if not hasattr(module, "METHOD"):
        known = ", ".join(sorted(set(there) - {"soft_prompt"}))
        raise UserError(
            f"{paths.PARAMS}: methods.{name}.method is {settings.written(package)}: use one of {known}"
        )
    return module.METHOD, settings.checked(
        module.METHOD.Settings, sections[name], paths.PARAMS, ("methods", name)
    )
