"""What a section of params.yaml that learns other soft prompts may hold."""

from typing import Annotated, Literal

from pydantic import Field

from common.core.settings import Count, CountOrZero, MethodSettings, Train
from common.core.vocabulary import VariantInitialRows


class VariantSettings(MethodSettings, Train):
    """What params.yaml holds under `train`, where null is not allowed, and what a variant changes.

    Attributes:
        placement: of the definition: user, after the photo, as train | system, before it (paper's figures).
        head: which rows are learned in the output layer: the identifier's | all, as in the published code.
        initial: where latent tokens begin; words are those of the base's short description (see `start`).
        photos: how many are learned from, the first by name; None for all.
        first_epoch, end_token, held_out: as under `train`; as it is there if left out.
        captions: pictures of the subject whose captions are learned, and as many of others (see `captions`).

    """

    placement: Literal["user", "system"]
    head: Literal["identifier", "all"]
    initial: VariantInitialRows
    photos: Count | None
    captions: CountOrZero
    first_epoch: Count = 1
    end_token: bool = True
    held_out: Annotated[float, Field(ge=0, lt=1)] = 0.0


SETTINGS = VariantSettings
