"""What a section of params.yaml that uses MyVLM may hold: types and limits, no defaults."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from common.core import paths
from common.core.models import problem
from common.core.settings import Count, MethodSettings, NonNegativeNumber, PositiveNumber, Section, Share


class Changes(Section):
    """Changes made to photos at random."""

    flip: Share  # probability of mirroring
    brightness: Share  # largest change of the brightness, either way
    rotation: Annotated[float, Field(ge=0, le=180)]  # degrees, either way


class HubModel(Section):
    """A frozen model of the method's own.

    Attributes:
        model: folder or hub id.
        revision: 40-digit commit of a hub model; null for a folder.

    """

    _key: ClassVar[str]  # of the section, as messages call it
    model: str
    revision: str | None

    @model_validator(mode="after")
    def _there(self) -> Self:
        found = problem(self._key, self.model, self.revision)
        if found:
            raise ValueError(found.removeprefix(f"{paths.PARAMS}: "))
        return self


class HeadBackbone(HubModel):
    """A CLIP for heads alone, in place of base.clip; published is DFN5B's ViT-H/14."""

    _key: ClassVar[str] = "head.backbone"


class Heads(Section):
    """How concept heads are trained."""

    steps: Count
    batch_size: Count
    learning_rate: PositiveNumber
    weight_decay: NonNegativeNumber
    clip: PositiveNumber
    pictures: Count
    held_out: Annotated[float, Field(ge=0, lt=1)]
    threshold: Share
    changes: Changes
    backbone: HeadBackbone | None = None


class Embeddings(Section):
    """How concept embeddings are learned."""

    steps: Count
    batch_size: Count
    learning_rate: PositiveNumber
    weight_decay: NonNegativeNumber
    clip: PositiveNumber
    norm: Literal["patch", "cls", "mean"]
    penalty: Literal["paid", "received"]
    penalty_weight: NonNegativeNumber
    checkpoints: Count
    changes: Changes


class OwnQuestions(Section):
    """MyVLM's nine questions in place of the interview's."""

    category: Annotated[str, Field(min_length=1)]
    max_new_tokens: Count


class BLIP2(HubModel):
    """BLIP-2 in place of the base: the vector stands before its Q-Former.

    Attributes:
        dtype: of the weights.

    """

    _key: ClassVar[str] = "captioner"
    dtype: Literal["float32", "bfloat16", "float16"]


class MyVLMSettings(MethodSettings):
    """See params.yaml."""

    mode: Literal["captioning", "vqa"]
    identifier: Annotated[str, Field(min_length=1)]
    person_identifier: Annotated[str, Field(min_length=1)]
    instruction: str
    face_model: str | None
    face_distance: Annotated[float, Field(gt=0, lt=2)]
    checkpoint: Count | None = None
    own_questions: OwnQuestions | None = None
    captioner: BLIP2 | None = None
    head: Heads
    embedding: Embeddings

    @model_validator(mode="after")
    def _fits_the_captioner(self) -> Self:
        chosen = self.mode, self.embedding.norm, self.embedding.penalty
        if self.captioner and chosen != ("captioning", "mean", "received"):
            raise ValueError(
                f"{self.captioner.model} learns from captions; a vector before its Q-Former is as long as "
                "the photo's tokens are on average and pays no attention: with a captioner, set mode to "
                "captioning, embedding.norm to mean and embedding.penalty to received"
            )
        return self

    @field_validator("instruction")
    @classmethod
    def _names_the_subject(cls, text: str) -> str:
        if "{identifier}" not in text:
            raise ValueError(f"the instruction {text!r} must contain {{identifier}}, the subject's name")
        return text

    @field_validator("face_model")
    @classmethod
    def _usable(cls, folder: str | None) -> str | None:
        if folder is None:
            return None
        if find_spec("insightface") is None:
            raise ValueError(
                f"face_model is {folder}, but insightface, which runs it, is not installed: "
                "`.venv/bin/uv pip install --python .venv --group faces`, or set face_model to null"
            )
        if not list(Path(folder).glob("*.onnx")):
            raise ValueError(
                f"face_model is {folder}, which holds no .onnx files: unpack a model of insightface there, "
                "such as buffalo_l, or set face_model to null"
            )
        return folder


SETTINGS = MyVLMSettings
