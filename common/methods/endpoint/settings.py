"""What a section of params.yaml that asks a server may hold."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from common.core.replies import holds_password
from common.core.settings import AtOnce, PositiveNumber, Side
from common.methods.prompt_context import ContextSettings


class EndpointSettings(ContextSettings):
    """What is told (`ContextSettings`), and how the server is asked."""

    # own: what its model says of all train photos, asked once
    description: Literal["human", "short", "long", "summary", "own"] | None
    description_tokens: Annotated[int, Field(gt=0, le=10_000)] = 200  # at most, of its own
    url: Annotated[str, StringConstraints(pattern=r"^https?://")]  # to which /chat/completions is added
    model: str  # as the server calls it
    key_variable: str | None  # environment variable that holds the key; None for a server without one
    image_size: Side  # longest side of a photo as sent, pixels
    logprobs: Annotated[int, Field(ge=1, le=20)] | None  # most probable tokens asked for; None for none
    timeout_s: PositiveNumber  # for a whole exchange, to the last byte of the reply
    retries: Annotated[int, Field(ge=0, le=20)]  # further attempts after failures that may pass
    backoff_s: PositiveNumber  # wait before the first of them, doubled before each next
    concurrency: AtOnce  # requests at once

    @field_validator("url")
    @classmethod
    def _no_password(cls, url: str) -> str:
        if holds_password(url):
            raise ValueError(
                "an endpoint's url holds a user or password, which params.yaml is no place for: put the key "
                "into an environment variable and name it in key_variable"
            )
        return url


SETTINGS = EndpointSettings
