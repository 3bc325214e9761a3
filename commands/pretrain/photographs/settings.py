"""What settings.yaml holds, and how it is checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, ValidationError, model_validator
from ruamel.yaml import YAML

from commands.pretrain.trees import ChatTexts
from common.core.errors import UserError
from common.core.settings import Section, Share

SETTINGS = Path(__file__).with_name("settings.yaml")
SMOLLM2 = Path(__file__).with_name("smollm2.yaml")  # the same for changes to a published language model


class Looking(Section):
    """Strength of queries and keys of the heads in each layer that compares."""

    marking: PositiveFloat
    matching: PositiveFloat
    carrying: PositiveFloat


class Comparison(Section):
    """Sizes of what is laid into the layers that compare.

    Attributes:
        channels: that hold a token's content, and are compared.
        individuals: of the directions that content is taken in, the first so many tell individuals apart, the
            others kinds of things.
        fading: share of the photo's mark that is taken away behind the comparison.

    """

    channels: PositiveInt
    individuals: PositiveInt
    fading: Share
    photo_mark: PositiveFloat
    word_mark: PositiveFloat
    linear_at: PositiveFloat
    spread: PositiveFloat
    content: PositiveFloat
    looking: Looking
    reference_mark: PositiveFloat
    pooled: PositiveFloat
    match: PositiveFloat
    fetched: PositiveFloat


class Rates(Section):
    """Of the optimizers; see `schedule.Optimizers`."""

    muon: PositiveFloat
    adam: PositiveFloat
    warmup: NonNegativeInt
    cooldown: Share


class TrainingPhase(Section):
    """What one tree holds; numbers of questions by form, and of definitions.

    Attributes:
        steps: of the optimizer.
        trees: per process and step.
        photo: questions about a photo without a definition.
        references, sentences: definitions below a photo, by reference tokens or in words.
        others: questions below each definition that have nothing to do with it.
        text: questions about a definition without a photo, half by reference tokens.
        small_talk: share of trees that are small talk.
        hard: share of other photos' references that are of the photos most alike.
        named: further photos, most with such an object, that are asked about their kind alone.
        things: share of photos with an object of the tower's classes in them.
        about: share of named and present ones that are asked about further.
        grounds: share of looks at a photo with another photo around the subject.

    """

    steps: PositiveInt
    trees: PositiveInt
    photo: dict[str, NonNegativeInt]
    references: NonNegativeInt = 0
    sentences: NonNegativeInt = 0
    others: NonNegativeInt = 0
    text: dict[str, NonNegativeInt] | None = None
    small_talk: Share = 0.0
    hard: Share = 0.0
    named: NonNegativeInt = 0
    things: Share = 0.0
    about: Share = 0.5
    grounds: Share = 0.3


class LowRank(Section):
    """Of the changes to a language model's matrices (LoRA; Hu et al. 2021)."""

    rank: PositiveInt
    alpha: PositiveFloat


class Verdict(Section):
    """How well photo and reference match, told to the words behind them (see verdict.py).

    Attributes:
        low, high: of the match, after the norm, between which the verdict turns from No to Yes.
        steepness: of its corners; the higher, the sharper they are.
        size: of what is added; with SmolLM2 a share of the difference between the embeddings of Yes and No.

    """

    low: float
    high: float
    steepness: PositiveFloat
    size: PositiveFloat

    @model_validator(mode="after")
    def _rises(self) -> Verdict:
        if self.low >= self.high:
            raise ValueError("low must be less than high")
        return self


class Naming(Section):
    """Which image tokens are given the name of a kind of thing (see naming.py).

    Attributes:
        threshold: standard deviations above the mean from which on a token shows the kind.
        steepness: of the corner there.
        size: of what is written for each standard deviation more, as a share of the word's embedding.

    """

    threshold: float
    steepness: PositiveFloat
    size: PositiveFloat


class Gates(Section):
    """How the finished base is measured: on so many test photos, in these numbers."""

    photos: PositiveInt
    dtype: Literal["float32", "bfloat16"]


class Settings(Section):
    """What settings.yaml holds, and smollm2.yaml.

    Attributes:
        vocabulary: of a new tokenizer; None with SmolLM2, which has one.
        latent_tokens: how many image tokens of a reference a definition holds, drawn from these.
        chat: texts of the chat template.
        naming: None for no names of things.
        lora: of changes to SmolLM2; None for a new language model, which is trained whole.

    """

    seed: int
    processes: PositiveInt
    vocabulary: PositiveInt | None = None
    views: Annotated[int, Field(ge=2)]
    neighbors: PositiveInt
    latent_tokens: list[PositiveInt]
    chat: ChatTexts = ChatTexts()
    llama: dict[str, Any]
    lora: LowRank | None = None
    comparison: Comparison
    verdict: Verdict
    naming: Naming | None = None
    rates: Rates
    gates: Gates
    courses: list[TrainingPhase]

    @model_validator(mode="after")
    def _has_room(self) -> Settings:
        """Content and its mean stand beside seven marks; a pair of units multiplies each channel."""
        room = min((self.llama["hidden_size"] - 7) // 2, self.llama["intermediate_size"] // 2)
        if self.comparison.channels > room:
            raise ValueError(f"comparison.channels: at most {room} have room in these sizes of llama")
        return self


def settings(file: Path = SETTINGS) -> Settings:
    """Read the settings; UserError names the first key that is wrong."""
    try:
        return Settings.model_validate(YAML(typ="safe").load(file))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise UserError(f"{file}: {key}: {first['msg']}: correct it") from error
