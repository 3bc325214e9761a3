"""Sections of parameters: strict values, and their problems as sentences that name the key and the remedy.

Which sections params.yaml has stands in `sections`; what a method adds, in `common.methods`.
"""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from reprlib import Repr
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from common.core.errors import UserError
from common.core.progress import printable
from common.core.vocabulary import InitialRows, Schedule

S = TypeVar("S", bound="Section")
PRESET = "preset"  # in place of a value: the selected preset's
PROBLEMS = 20  # listed; more of them have one cause

# A number beyond these is a slip of the finger: nothing in params.yaml that large ends on any machine.
# pydantic's own types, which know no upper limit, are called otherwise.
Count = Annotated[int, Field(gt=0, le=1_000_000)]
CountOrZero = Annotated[int, Field(ge=0, le=1_000_000)]
PositiveNumber = Annotated[float, Field(gt=0, le=1e6)]
NonNegativeNumber = Annotated[float, Field(ge=0, le=1e6)]
Epochs = Annotated[int, Field(gt=0, le=10_000)]
Share = Annotated[float, Field(ge=0, le=1)]
AtOnce = Annotated[int, Field(gt=0, le=1024)]  # threads, processes or connections
Side = Annotated[int, Field(gt=0, le=10_000)]  # of a picture, pixels


class Section(BaseModel):
    """Strict (no silent conversion), closed (no unknown keys), frozen, and of finite numbers."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


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

    latent_tokens: Annotated[int, Field(ge=0, le=1024)]  # beyond, no context holds a question as well
    initial: InitialRows
    epochs: Epochs
    first_epoch: Epochs
    learning_rate: PositiveNumber
    schedule: Schedule
    weight_decay: NonNegativeNumber
    batch_size: Count
    balance: bool
    end_token: bool


class Train(TrainPreset):
    """Learning one soft prompt."""

    held_out: Annotated[float, Field(ge=0, lt=1)]
    data: TrainData


def checked(kind: type[S], values: Any, path: Path | str, at: Sequence[str] = ()) -> S:
    """Values as a section of this kind, which stands at these keys of the file.

    Raises one UserError that lists every problem.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        details = error.errors(include_url=False)
        problems = [f"{path}: {_sentence(detail, kind, at)}" for detail in details[:PROBLEMS]]
        if len(details) > PROBLEMS:
            problems.append(f"{path}: {len(details) - PROBLEMS:,} further problems")
        raise UserError("\n       ".join(problems)) from None


def written(value: Any) -> str:
    """A value as Python writes it, cut where it is long or deep."""
    short = Repr()
    short.maxstring = short.maxother = 80
    short.maxlevel, short.maxlist, short.maxtuple, short.maxdict = 2, 3, 3, 3
    return short.repr(value)


def _sentence(detail: ErrorDetails, kind: type[BaseModel], at: Sequence[str]) -> str:
    """One problem found by pydantic as the key and what to do about it."""
    below = [printable(part, 60) for part in detail["loc"] if part != "[key]"]
    key, value = ".".join([*at, *below]), written(detail["input"])
    if detail["input"] == PRESET:
        return f"{key} is {PRESET}, but the selected preset says nothing of it: write a value"
    match detail["type"]:
        case "extra_forbidden":
            known = _known_keys(kind, below[:-1])
            near = get_close_matches(below[-1], known, n=1)
            return f"{key} is not a known key: " + (f"did you mean {near[0]}?" if near else "remove it")
        case "missing":
            return f"{key} is missing: add it"
        case "model_type" | "dict_type":
            return f"{key or 'the file'} must hold `key: value` pairs, not {value}"
        case "string_pattern_mismatch" | "string_too_long" | "string_type" if detail["loc"][-1] == "[key]":
            joint = "_" if below[0] == "methods" else "-"
            return f"{key} is not a valid id: use up to 40 of a-z, 0-9 and {joint}, none of these first"
        case "string_type":
            return f"{key} is {value}: put it in quotation marks"
        case "tuple_type":
            return f"{key} is {value}: write a list"
        case "value_error":
            return printable(detail["ctx"]["error"], 400)
    return f"{key} is {value}: {detail['msg'][0].lower()}{detail['msg'][1:]}"


def _known_keys(kind: type[BaseModel], at: Sequence[str]) -> list[str]:
    """The keys that may stand in the section with this path."""
    section: Any = kind
    for name in at:
        if get_origin(section) is None:
            section = section.model_fields[name].annotation
        else:  # a list, where the name is a number, or entries under any key
            section = get_args(section)[0 if get_origin(section) is tuple else 1]
    return list(section.model_fields)
