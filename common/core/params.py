"""params.yaml as checked, frozen values, those that come from the selected preset filled in.

The only module that reads the file. Only a stage's `__main__` calls `load` and touches the result (a test
enforces it); everything else takes plain values. What each value means stands beside it in params.yaml.
Problems that only other files can show, such as a missing photo folder, belong to the check stage; a method's
settings are checked by `common.methods`.
"""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, StringConstraints, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, ScalarEvent

from common.core import paths, settings
from common.core.errors import UserError
from common.core.preset import Preset
from common.core.progress import printable
from common.core.sections import (
    Assemble,
    Base,
    Chat,
    Evaluate,
    Index,
    Kind,
    Report,
    Retrieve,
    Serve,
    SubjectId,
    SubjectParams,
    Synthesize,
    TrainStage,
    World,
)
from common.core.settings import AtOnce, Section

__all__ = ["Kind", "Params", "Preset", "load"]

MethodName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_]*$", max_length=40)]
PresetName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$")]  # DVC splits keys at dots
PRESET = "preset"  # in place of a value: the selected preset's
MAX_BYTES, MAX_NODES, MAX_DEPTH, MAX_LETTERS = 2**20, 50_000, 20, 3000  # of the file, of one value
RESERVED = ("image", "pad", "s", "unk")  # <id> would be a token that every LLaVA has


class Params(Section):
    """The whole file."""

    seed: Annotated[int, Field(ge=0, lt=2**32)]  # NumPy takes no other
    threads: AtOnce
    base: Base
    presets: dict[PresetName, Preset]
    world: World
    index: Index
    retrieve: Retrieve
    synthesize: Synthesize
    assemble: Assemble
    train: TrainStage
    methods: dict[MethodName, dict[str, Any]]
    evaluate: Evaluate
    chat: Chat
    serve: Serve
    report: Report
    subjects: Annotated[dict[SubjectId, SubjectParams], Field(min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _filled_from_the_preset(cls, values: Any) -> Any:
        """Put the preset's values where its sections say `preset`."""
        try:
            name, presets = values["base"]["preset"], values["presets"]
            if name not in presets:
                raise ValueError(f"base.preset is {name!r}: use one of {', '.join(presets)}")
            filled = {
                section: _filled(values[section], presets[name][section]) for section in Preset.model_fields
            }
        except (AttributeError, KeyError, TypeError):
            return values  # not of the form that this needs: the sections' own checks say where
        return {**values, **filled}

    @model_validator(mode="after")
    def _names_can_be_used(self) -> "Params":
        for name, subject in self.subjects.items():
            if name in RESERVED:
                raise ValueError(
                    f"subjects.{name} cannot be named so: <{name}> has a meaning; use another id"
                )
            if subject.source == "world" and name not in self.world.subjects:
                raise ValueError(
                    f"subjects.{name} has source: world, but world.subjects has no {name}: "
                    f"use one of {', '.join(self.world.subjects)}, or leave out source for your own photos"
                )
        return self

    @model_validator(mode="after")
    def _negatives_are_in_use(self) -> "Params":
        used, drawn = self.train.data, self.retrieve
        if not ((used.hard and drawn.hard) or (used.easy and drawn.easy)):
            raise ValueError(
                "train.data uses none of the negatives that retrieve looks for (retrieve.hard, "
                "retrieve.easy): set train.data.hard or train.data.easy to true, or raise the number"
            )
        return self

    def subject(self, name: str) -> SubjectParams:
        """One subject by its id, or a UserError that lists the ids there are."""
        if name not in self.subjects:
            raise UserError(f"{paths.PARAMS} lists no subject {name}: use one of {', '.join(self.subjects)}")
        return self.subjects[name]


def load(path: Path | str = paths.PARAMS) -> Params:
    """Read and check params.yaml with YAML 1.2, as DVC does (where 1e-4 is a number and `no` is a word).

    Raises one UserError that lists every problem.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise UserError(f"{path} has more than {MAX_BYTES:,} bytes: mend it")
        text = data.decode()
        _refuse_bombs(text)
        values = YAML(typ="safe", pure=True).load(text)
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run the command from the repository's top folder") from None
    except (YAMLError, ValueError) as error:  # ValueError: a date or text that is none
        raise UserError(f"{path} is not valid YAML: {_yaml_problem(error)}") from None
    return settings.checked(Params, values, path)


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


def _filled(section: dict[str, Any], preset: dict[str, Any]) -> dict[str, Any]:
    """A section with the preset's values where it says `preset`, in mappings below it, too.

    A commit becomes null if the section names a model of its own: it would be the wrong one's.
    """
    filled = {}
    for key, value in section.items():
        if isinstance(value, dict) and isinstance(preset.get(key), dict):
            filled[key] = _filled(value, preset[key])
        elif value == PRESET:
            another = key == "revision" and section.get("model") != PRESET
            filled[key] = None if another else preset.get(key, value)
        else:
            filled[key] = value
    return filled


def _yaml_problem(error: Exception) -> str:
    if isinstance(error, MarkedYAMLError) and error.problem_mark:
        problem = printable((error.problem or "").split("\n")[0])
        return f"{problem} in line {error.problem_mark.line + 1}; mend that line"
    return f"{printable(error)}; mend it"
