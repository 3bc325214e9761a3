"""Sections of parameters: strict values, and their problems as sentences that name the key and the remedy.

Owns how a section is checked, and those that several places hold. Does not own which sections params.yaml
has (`params`) or what a method adds (`common.methods`).
"""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
)
from pydantic_core import ErrorDetails

from common.core.errors import UserError

S = TypeVar("S", bound="Section")


class Section(BaseModel):
    """Strict (no silent conversion), closed (no unknown keys) and frozen."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class MethodSettings(Section):
    """What every section under `methods` holds; a method adds its own."""

    method: str
    title: str


class TrainData(Section):
    """Which parts of the dataset training uses; the paper's ladder switches them."""

    conversations: bool
    hard: bool
    easy: bool


class TrainPreset(Section):
    """What of training depends on the base model."""

    initial: Literal["random", "photos"]
    epochs: PositiveInt
    first_epoch: PositiveInt
    learning_rate: PositiveFloat
    schedule: Literal["constant", "cosine"]
    batch_size: PositiveInt
    balance: bool
    end_token: bool


class Train(TrainPreset):
    """Learning one soft prompt."""

    latent_tokens: NonNegativeInt
    weight_decay: NonNegativeFloat
    held_out: Annotated[float, Field(ge=0, lt=1)]
    data: TrainData


def checked(kind: type[S], values: Any, path: Path | str, at: Sequence[str] = ()) -> S:
    """Values as a section of this kind, which stands at these keys of the file.

    Raises one UserError that lists every problem.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        problems = [f"{path}: {_sentence(detail, kind, at)}" for detail in error.errors()]
        raise UserError("\n       ".join(problems)) from None


def _sentence(detail: ErrorDetails, kind: type[BaseModel], at: Sequence[str]) -> str:
    """One problem found by pydantic as the key and what to do about it."""
    below = [str(part) for part in detail["loc"] if part != "[key]"]
    key, value = ".".join([*at, *below]), detail["input"]
    match detail["type"]:
        case "extra_forbidden":
            known = _known_keys(kind, below[:-1])
            near = get_close_matches(below[-1], known, n=1)
            return f"{key} is not a known key: " + (f"did you mean {near[0]}?" if near else "remove it")
        case "missing":
            return f"{key} is missing: add it"
        case "model_type" | "dict_type":
            return f"{key or 'the file'} must hold `key: value` pairs, not {value!r}"
        case "string_pattern_mismatch" | "string_too_long" | "string_type" if detail["loc"][-1] == "[key]":
            joint = "_" if below[0] == "methods" else "-"
            return f"{key} is not a valid id: use up to 40 of a-z, 0-9 and {joint}, none of these first"
        case "value_error":
            return str(detail["ctx"]["error"])
    return f"{key} is {value!r}: {detail['msg'][0].lower()}{detail['msg'][1:]}"


def _known_keys(kind: type[BaseModel], at: Sequence[str]) -> list[str]:
    """The keys that may stand in the section with this path."""
    section: Any = kind
    for name in at:
        entries = get_origin(section) is dict
        section = get_args(section)[1] if entries else section.model_fields[name].annotation
    return list(section.model_fields)
