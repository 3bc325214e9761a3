"""params.yaml as checked, frozen values, those that come from the selected preset filled in.

The only module that reads the file. Only a stage's `__main__` calls `load` and touches the result (a test
enforces it); everything else takes plain values. What each value means stands beside it in params.yaml.
Problems that only other files can show, such as a missing photo folder, belong to the check stage; a method's
settings are checked by `common.methods`.
"""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, StringConstraints, model_validator

from common.core import paths, settings, yaml_file
from common.core.errors import UserError
from common.core.preset import Preset, with_preset
from common.core.sections import (
    Assemble,
    Chat,
    Evaluate,
    FrozenModels,
    Index,
    Report,
    Retrieve,
    Serve,
    Synthesize,
    TrainStage,
)
from common.core.settings import AtOnce, Count, Section
from common.core.subject_params import SubjectId, SubjectParams, World
from common.core.vocabulary import Kind

__all__ = ["Kind", "Params", "Preset", "load"]

MethodName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_]*$", max_length=40)]
PresetName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$")]  # DVC splits keys at dots
RESERVED = ("image", "pad", "s", "unk")  # <id> would be a token that every LLaVA has


class Params(Section):
    """The whole file."""

    seed: Annotated[int, Field(ge=0, lt=2**32)]  # NumPy takes no other
    threads: AtOnce
    train_photos: Count | None
    base: FrozenModels
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
        try:
            return with_preset(values)
        except (AttributeError, KeyError, TypeError):
            return values  # not of the form that this needs: the sections' own checks say where

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
    """Read and check params.yaml; raises one UserError that lists every problem."""
    try:
        values = yaml_file.read(Path(path))
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run the command from the repository's top folder") from None
    return settings.checked(Params, values, path)
