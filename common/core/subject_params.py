"""Who is to be learned: the subjects of params.yaml, and the drawn world that some of them come from."""

from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from common.core import paths
from common.core.settings import Count, CountOrZero, Section
from common.core.vocabulary import Kind, Source

SubjectId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=40)]
SpokenName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80, pattern=r"^[^<>{}\n]+$")
]


class SubjectParams(Section):
    """One thing to personalize."""

    kind: Kind
    source: Source = "own"
    name: SpokenName | None = None
    noun: SpokenName | None = None

    @property
    def category(self) -> str:
        """What texts call it, for whom the name means nothing: "the dog"."""
        return self.noun or self.kind


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

    train_photos: Count
    test_photos: Count
    lookalike_photos: Count
    two_subject_photos: Annotated[int, Field(ge=0, multiple_of=2)]
    general_photos: Count
    corpus: Count
    corpus_lookalikes: CountOrZero
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
