"""The sections of params.yaml: keys, types, and what of a section cannot be.

What each value means stands beside it in params.yaml; the whole file, and what the preset fills in, is
`params`.
"""

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

from common.core import paths
from common.core.settings import Section, TrainPreset

SubjectId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=40)]
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


class ChatPreset(Responder):
    """What of talking depends on the base model."""

    history: NonNegativeInt


class Chat(ChatPreset):
    """Talking with the result."""

    temperature: Annotated[float, Field(ge=0, le=100)]
    top_p: Annotated[float, Field(gt=0, le=1)]


class Serve(Section):
    """How much the server takes on."""

    requests: PositiveInt
    conversations: PositiveInt
    request_mb: PositiveFloat
    timeout_s: PositiveFloat
    stop_s: PositiveInt


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
    chat: ChatPreset
