"""params.yaml as checked, frozen values, those that come from the selected preset filled in.

The only module that reads the file. Only a stage's `__main__` calls `load` and touches the result (a test
enforces it); everything else takes plain values. What each value means stands beside it in params.yaml.
Problems that only other files can show, such as a missing photo folder, belong to the check stage; a method's
settings are checked by `common.methods`.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    StringConstraints,
    model_validator,
)
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from common.core import paths, settings
from common.core.errors import UserError
from common.core.settings import Section, Train, TrainPreset

SubjectId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=40)]
MethodName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_]*$", max_length=40)]
PresetName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$")]  # DVC splits keys at dots
PRESET = "preset"  # in place of a value: the selected preset's
RESERVED = ("image", "pad", "s", "unk")  # <id> would be a token that every LLaVA has
Share = Annotated[float, Field(ge=0, le=1)]
Cosine = Annotated[float, Field(ge=-1, le=1)]
Kind = Literal["person", "pet", "landmark", "object", "character"]


class VlmModel(Section):
    """A vision-language model, and how it is spoken to."""

    model: str
    revision: str | None
    system: str
    dtype: Literal["float32", "bfloat16", "float16"]
    image_size: PositiveInt | None


class ClipModel(Section):
    """A CLIP, for retrieval."""

    model: str
    revision: str | None


class Vlm(VlmModel):
    """The frozen model that learns subjects."""

    bits: Literal[4, 8] | None


class Device(Section):
    """The machine that the frozen models run on."""

    type: Annotated[str, StringConstraints(pattern=r"^(cpu|auto|cuda(:\d+)?)$")]
    batch_size: PositiveInt
    prefix_gb: NonNegativeFloat | None


class Base(Section):
    """The frozen models that everything builds on."""

    preset: str
    vlm: Vlm
    clip: ClipModel
    device: Device

    @property
    def load_kwargs(self) -> dict[str, Any]:
        """What `vlm.load` takes: the one place where its options are listed."""
        return {
            **self.vlm.model_dump(),
            "device": self.device.type,
            "prefix_gb": self.device.prefix_gb,
        }


class WorldSubject(Section):
    """What a subject of the embedded world is a drawing of: a noun, or a look-alike of another subject."""

    noun: str | None = None
    like: SubjectId | None = None
    changed: Annotated[int, Field(ge=0, le=5)] = 0

    @model_validator(mode="after")
    def _one_of_two(self) -> "WorldSubject":
        if (self.noun is None) == (self.like is None):
            raise ValueError("an entry of world.subjects needs either noun or like, not both: mend it")
        return self


class World(Section):
    """The embedded world."""

    train_photos: Annotated[int, Field(ge=2)]
    test_photos: PositiveInt
    lookalike_photos: PositiveInt
    two_subject_photos: Annotated[int, Field(ge=0, multiple_of=2)]
    general_photos: PositiveInt
    corpus: PositiveInt
    corpus_lookalikes: NonNegativeInt
    subjects: dict[SubjectId, WorldSubject]

    @model_validator(mode="after")
    def _names_are_free(self) -> "World":
        for folder in (paths.WORLD_TWO_SUBJECTS, paths.WORLD_GENERAL):
            if folder.name in self.subjects:
                raise ValueError(
                    f"world.subjects.{folder.name} cannot be named so: {folder} holds something else; "
                    "use another id"
                )
        return self


class Stored(Section):
    """How pictures are kept."""

    image_size: PositiveInt


class Index(Stored):
    """Where the corpus comes from and how it is downloaded."""

    source: Literal["urls", "folder", "index", "service"]
    location: str
    serve: str | None
    base_url: str
    max_image_mb: PositiveInt
    max_image_pixels: PositiveInt
    min_image_side: PositiveInt
    max_image_aspect: Annotated[float, Field(ge=1)]
    timeout_s: PositiveFloat
    retries: NonNegativeInt
    deadline_s: PositiveFloat
    per_host: PositiveInt
    allowed_hosts: Annotated[str, StringConstraints(pattern=r"^[^/@,]*$")]
    agent: Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]+$")]
    shard: PositiveInt
    processes: PositiveInt
    threads: PositiveInt
    distributor: Literal["multiprocessing", "pyspark", "ray"]
    distribution_strategy: Literal["sequential", "pyspark", "slurm"]
    slurm_partition: str | None
    slurm_nodes: PositiveInt
    max_punsafe: Share | None
    safety_model: str | None

    @model_validator(mode="after")
    def _complete(self) -> "Index":
        if self.safety_model and self.max_punsafe is None:
            raise ValueError(
                "index.safety_model does nothing while index.max_punsafe is null: set a threshold, as 0.5"
            )
        if self.distribution_strategy == "slurm" and not self.slurm_partition:
            raise ValueError(
                "index.distribution_strategy is slurm, but index.slurm_partition is null: name the partition"
            )
        return self


class Similarity(Section):
    """From where on a CLIP takes two pictures for one thing."""

    max_similarity: Cosine
    near_duplicate: Cosine


class Retrieve(Similarity):
    """Which neighbors become negatives."""

    hard: NonNegativeInt
    easy: NonNegativeInt
    neighbors: PositiveInt
    rounds: PositiveInt
    min_similarity: Cosine

    @model_validator(mode="after")
    def _some(self) -> "Retrieve":
        if not self.hard + self.easy:
            raise ValueError(
                "retrieve.hard and retrieve.easy are both 0, but without negatives nothing learns to say no: "
                "raise one"
            )
        return self


class Responder(Section):
    """How long answers may be."""

    max_new_tokens: PositiveInt


class Synthesize(Responder):
    """Conversations by the base model."""


class Augment(Section):
    """How far an augmented copy may be from its photo."""

    shift: Share
    scale: Share
    rotate: Annotated[float, Field(ge=0, le=180)]
    light: Share
    noise: Share


class Pictures(Stored):
    """How pictures are kept and changed for training."""

    augment: Augment


class Assemble(Pictures):
    """The training set."""

    positive_copies: PositiveInt


class Evaluate(Responder):
    """Asking the test's questions."""

    threshold_negatives: PositiveInt
    two_subjects: str
    general: str
    general_subjects: PositiveInt
    captioned_others: PositiveInt


class Report(Section):
    """What the report shows and what counts as the same number."""

    bootstrap: PositiveInt
    agreement: PositiveFloat
    examples: PositiveInt


class SubjectParams(Section):
    """One thing to personalize."""

    kind: Kind
    source: Literal["own", "world"] = "own"


class PresetBase(Section):
    """The models of a preset."""

    vlm: VlmModel
    clip: ClipModel


class Preset(Section):
    """What stands in these sections where they say `preset`: all that depends on the frozen models."""

    base: PresetBase
    index: Stored
    retrieve: Similarity
    synthesize: Responder
    assemble: Pictures
    train: TrainPreset
    evaluate: Responder


class Params(Section):
    """The whole file."""

    seed: NonNegativeInt
    threads: PositiveInt
    base: Base
    presets: dict[PresetName, Preset]
    world: World
    index: Index
    retrieve: Retrieve
    synthesize: Synthesize
    assemble: Assemble
    train: Train
    methods: dict[MethodName, dict[str, Any]]
    evaluate: Evaluate
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
        values = YAML(typ="safe").load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run the command from the repository's top folder") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid YAML: {_yaml_problem(error)}") from None
    return settings.checked(Params, values, path)


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
        problem = (error.problem or "").split("\n")[0]
        return f"{problem} in line {error.problem_mark.line + 1}; mend that line"
    return f"{error}; mend it"
