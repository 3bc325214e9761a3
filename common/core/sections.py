"""The sections of params.yaml: keys, types, and what of a section cannot be.

What each value means stands beside it in params.yaml; the whole file, and what the preset fills in, is
`params`.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from common.core.preset import (
    AnswerLimits,
    ChatLimits,
    ClipModel,
    Cosine,
    ImageSize,
    Interview,
    NegativesPreset,
    TrainingPictures,
    VlmModel,
)
from common.core.settings import (
    AtOnce,
    Count,
    NonNegativeNumber,
    PositiveNumber,
    Section,
    Share,
    Side,
    Train,
)


class Vlm(VlmModel):
    """The frozen model that learns subjects."""

    bits: Literal[4, 8] | None


class Device(Section):
    """The machine that the frozen models run on."""

    type: Annotated[str, StringConstraints(pattern=r"^(cpu|auto|cuda(:\d+)?)$")]
    batch_size: Count
    prefix_gb: NonNegativeNumber | None


class FrozenModels(Section):
    """The frozen models that everything builds on."""

    preset: str
    vlm: Vlm
    clip: ClipModel
    device: Device

    @property
    def named(self) -> dict[str, tuple[str, str | None]]:
        """The models by section: folder or hub id, and commit."""
        return {"vlm": (self.vlm.model, self.vlm.revision), "clip": (self.clip.model, self.clip.revision)}

    @property
    def load_kwargs(self) -> dict[str, Any]:
        """What `vlm.load` takes: the one place where its options are listed."""
        return {
            **self.vlm.model_dump(),
            "device": self.device.type,
            "prefix_gb": self.device.prefix_gb,
        }


class Index(ImageSize):
    """Where the corpus comes from and how it is downloaded."""

    source: Literal["urls", "folder", "index", "service"]
    location: str
    serve: str | None
    base_url: str
    max_image_mb: Annotated[int, Field(gt=0, le=1024)]
    max_image_pixels: Annotated[int, Field(gt=0, le=80_000_000)]  # MAX_PIXELS of core.images
    min_image_side: Side
    max_image_aspect: Annotated[float, Field(ge=1)]
    timeout_s: PositiveNumber
    retries: Annotated[int, Field(ge=0, le=100)]
    deadline_s: PositiveNumber
    per_host: AtOnce
    allowed_hosts: Annotated[str, StringConstraints(pattern=r"^[^/@,]*$")]
    agent: Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]+$")]
    shard: Count
    processes: AtOnce
    threads: AtOnce
    distributor: Literal["multiprocessing", "pyspark", "ray"]
    distribution_strategy: Literal["sequential", "pyspark", "slurm"]
    slurm_partition: str | None
    slurm_nodes: AtOnce
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


class Retrieve(NegativesPreset):
    """Which neighbors become negatives."""

    neighbors: Count
    rounds: Annotated[int, Field(gt=0, le=20)]  # each asks for twice as many
    min_similarity: Cosine

    @model_validator(mode="after")
    def _some(self) -> "Retrieve":
        if self.hard and self.min_similarity >= self.max_similarity:
            raise ValueError(
                f"retrieve.min_similarity is {self.min_similarity}, and no look-alike can be that close and "
                f"less than retrieve.max_similarity, {self.max_similarity}: lower it"
            )
        if not self.hard + self.easy:
            raise ValueError(
                "retrieve.hard and retrieve.easy are both 0, but without negatives nothing learns to say no: "
                "raise one"
            )
        return self


class Synthesize(Interview):
    """Conversations by the base model."""

    summary: bool


class Assemble(TrainingPictures):
    """The training set."""

    positive_copies: Annotated[int, Field(gt=0, le=10_000)]
    captions: bool


class TrainStage(Train):
    """Learning the soft prompts, and what is kept of it."""

    keep_epochs: bool


class Evaluate(AnswerLimits):
    """Asking the test's questions."""

    threshold_negatives: Count
    two_subjects: str
    general: str
    general_subjects: Count
    general_photos: Count | None
    explain: Literal["explain", "describe"] | None
    captioned_others: Count


class Chat(ChatLimits):
    """Talking with the result."""

    temperature: Annotated[float, Field(ge=0, le=100)]
    top_p: Annotated[float, Field(gt=0, le=1)]


class Serve(Section):
    """How much the server takes on."""

    requests: Count
    conversations: Count
    request_mb: PositiveNumber
    timeout_s: PositiveNumber
    stop_s: Count


class Report(Section):
    """What the report shows and what counts as the same number."""

    bootstrap: Annotated[int, Field(gt=0, le=100_000)]
    agreement: PositiveNumber
    examples: Count
