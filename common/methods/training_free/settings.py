"""What a section of params.yaml that trains nothing may hold."""

from typing import Annotated

from pydantic import Field

from common.core.settings import MethodSettings


class TrainingFreeSettings(MethodSettings):
    """See params.yaml."""

    threshold: Annotated[float, Field(ge=-1, le=1)] | None


SETTINGS = TrainingFreeSettings
