"""What of the sections of params.yaml depends on the frozen models: what presets say, and where it goes.

The sections themselves, which hold more, are in `sections`.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from common.core.settings import PRESET, Count, CountOrZero, Section, Share, Side, TrainPreset

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


class NegativesPreset(Section):
    """How many negatives, and the CLIP cosines from which on a picture shows the subject, and two are one."""

    hard: CountOrZero
    easy: CountOrZero
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
    """How training pictures are kept and augmented; which set of prompts.yaml asks about them, how often."""

    recognition: str
    photo_questions: Count | None
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
    retrieve: NegativesPreset
    synthesize: Interview
    assemble: TrainingPictures
    train: TrainPreset
    evaluate: AnswerLimits
    chat: ChatLimits
    methods: dict[str, dict[str, Any]]  # by package, for sections of that method; each checks its own


def with_preset(values: Mapping[str, Any]) -> dict[str, Any]:
    """The whole file's values, those of the selected preset where its sections say `preset`.

    Raises ValueError if there is no such preset, and whatever mappings do that are not of params.yaml's form.
    """
    name, presets = values["base"]["preset"], values["presets"]
    if name not in presets:
        raise ValueError(f"base.preset is {name!r}: use one of {', '.join(presets)}")
    preset = presets[name]
    filled = {
        section: _filled(values[section], preset[section])
        for section in Preset.model_fields
        if section != "methods"
    }
    filled["methods"] = {
        key: _filled(section, preset["methods"].get(section["method"], {}))
        for key, section in values["methods"].items()
    }
    return {**values, **filled}


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
