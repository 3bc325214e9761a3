"""Ways to teach a model a subject, behind one interface: the soft prompt with its controls, and others.

Each package here is a method: `settings.py` says what its section of params.yaml may hold (`SETTINGS`) and
loads nothing heavy, and `method.py` is the method itself (`METHOD`, a class of `interface.Method`). Every
section under `methods` names a package (`method`), and dvc.yaml fits and asks whatever params.yaml lists, so
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
            _settings(name, sections)
        except UserError as error:
            problems.append(str(error))
    return problems


def prepare(name: str, sections: Sections, backbones: Backbones) -> Method:
    """Make the method of one section; raises UserError if there is no such section or it has a mistake."""
    chosen = _settings(name, sections)
    method: type[Method] = importlib.import_module(f"{__name__}.{chosen.method}.method").METHOD
    return method(name, chosen, backbones)


def fitted(name: str, sections: Sections, backbones: Backbones, subjects: Sequence[str]) -> Responder:
    """What answers under a name: the soft prompts of these subjects, or the method of one section."""
    if name == paths.SOFT_PROMPT:
        return importlib.import_module(f"{__name__}.{name}.method").SoftPrompts(backbones, subjects)
    return prepare(name, sections, backbones)


def _settings(name: str, sections: Sections) -> settings.MethodSettings:
    """What one section holds; raises UserError if there is no such section or it has a mistake."""
    if name not in sections:
        known = ", ".join(sections) or "none yet"
        raise UserError(f"{paths.PARAMS} lists no method {name}: add methods.{name}, or use one of {known}")
    if name in TITLES:
        raise UserError(
            f"{paths.PARAMS}: methods.{name} cannot be named so: results call the soft prompt or one of its "
            "controls so; use another name"
        )
    package = sections[name].get("method")
    packages = sorted(path.parent.name for path in Path(__file__).parent.glob("*/settings.py"))
    if package not in packages:
        raise UserError(
            f"{paths.PARAMS}: methods.{name}.method is {settings.written(package)}: "
            f"use one of {', '.join(packages)}"
        )
    kind: type[settings.MethodSettings] = importlib.import_module(f"{__name__}.{package}.settings").SETTINGS
    return settings.checked(kind, sections[name], paths.PARAMS, ("methods", name))
