"""What of the sections of params.yaml depends on the frozen models, so that a preset can say it.

The sections themselves, which hold more, are in `sections`.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from common.core.settings import CountOrZero, Section, Share, Side, TrainPreset

Cosine = Annotated[float, Field(ge=-1, le=1)]


class VlmModel(Section):
    """A vision-language model, and how it is spoken to."""

    model: str
    revision: str | None
    system: str
    dtype: Literal["float32", "bfloat16", "float16"]
    image_size: Side | None


class ClipModel(Section):
    """A CLIP, for retrieval."""

    model: str
    revision: str | None


class ImageSize(Section):
    """How large pictures are kept: their longest side, pixels."""

    image_size: Side


class DuplicateThresholds(Section):
    """The CLIP cosines from which on a picture shows the subject itself, and two are one picture."""

    max_similarity: Cosine
    near_duplicate: Cosine


class AnswerLimits(Section):
    """How long answers may be."""

    max_new_tokens: Annotated[int, Field(gt=0, le=10_000)]


class Augment(Section):
    """How far an augmented copy may be from its photo, how often it is mirrored, or put into a negative."""

    shift: Share
    scale: Share
    rotate: Annotated[float, Field(ge=0, le=180)]
    light: Share
    noise: Share
    mirror: Share
    surround: Share


class TrainingPictures(ImageSize):
    """How pictures are kept and augmented for training, and what set of prompts.yaml asks about them."""

    recognition: str
    augment: Augment


class Interview(AnswerLimits):
    """How the base is asked about photos: a set of prompts.yaml, and how long answers may be."""

    questions: str


class ChatLimits(AnswerLimits):
    """How long answers may be, and how many turns of a conversation stay in view."""

    history: CountOrZero


class PresetBase(Section):
    """The models of a preset."""

    vlm: VlmModel
    clip: ClipModel


class Preset(Section):
    """What stands in these sections where they say `preset`: all that depends on the frozen models."""

    base: PresetBase
    index: ImageSize
    retrieve: DuplicateThresholds
    synthesize: Interview
    assemble: TrainingPictures
    train: TrainPreset
    evaluate: AnswerLimits
    chat: ChatLimits
    methods: dict[str, dict[str, Any]]  # by package, for sections of that method; each checks its own
