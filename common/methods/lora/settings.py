"""What a section of params.yaml that uses LoRA may hold; params.yaml says what each setting does."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from common.core.settings import (
    AtOnce,
    Count,
    Epochs,
    MethodSettings,
    NonNegativeNumber,
    PositiveNumber,
    Section,
)


class Conversations(Section):
    """Others' conversations that are learned as well."""

    file: str
    images: str | None = None
    share: Annotated[float, Field(gt=0, le=1)] | None = None

    @field_validator("file")
    @classmethod
    def _is_there(cls, file: str) -> str:
        if not Path(file).is_file():
            raise ValueError(
                f"conversations.file is {file}, which is not there: name a JSON file of LLaVA's form"
            )
        return file


class EarlyStop(Section):
    """When training ends before its last epoch."""

    held_out: Annotated[float, Field(gt=0, lt=1)]
    patience: Count


class LoraSettings(MethodSettings):
    """See params.yaml."""

    scope: Literal["subject", "all"]
    rank: Count | None
    alpha: PositiveNumber
    dropout: Annotated[float, Field(ge=0, lt=1)]
    learning_rate: PositiveNumber
    projector_learning_rate: PositiveNumber | None
    warmup: Annotated[float, Field(ge=0, le=1)]
    weight_decay: NonNegativeNumber
    max_grad_norm: PositiveNumber
    epochs: Epochs
    batch_size: Count
    balance: bool
    gradient_checkpointing: bool
    max_length: Count | None = None
    conversations: Conversations | None = None
    early_stop: EarlyStop | None = None
    group_by_modality: bool = False
    processes: AtOnce = 1
    accelerate: str | None = None

    @field_validator("accelerate")
    @classmethod
    def _is_there(cls, file: str | None) -> str | None:
        if file is not None and not Path(file).is_file():
            raise ValueError(
                f"accelerate is {file}, which is not there: run `accelerate config --config_file {file}`"
            )
        return file


SETTINGS = LoraSettings
