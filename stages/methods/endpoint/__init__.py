"""A model behind an OpenAI-compatible server, told of the subject in words or by reference photos.

It has the place of GPT-4V in the paper's Table 5, and serves as well for any model that vLLM, llama.cpp or
another server offers at `/v1/chat/completions`. The photos of the test and of the subjects are sent there.
Answers are kept in `.cache/endpoint` by request (see `cache`), so a rerun asks nothing twice.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, StringConstraints, field_validator

from stages.core.replies import holds_password
from stages.core.settings import Count, Positive
from stages.methods import material
from stages.methods.interface import Ask, Cost, Method, Subject

if TYPE_CHECKING:
    from stages import vlm
    from stages.methods.endpoint.client import Client

Seconds = Annotated[float, Field(gt=0, le=86400, allow_inf_nan=False)]


class Settings(material.ToldSettings):
    """What is told (`ToldSettings`), and how the server is asked."""

    url: Annotated[str, StringConstraints(pattern=r"^https?://")]  # to which /chat/completions is added
    model: str  # as the server calls it
    key_variable: str | None  # environment variable that holds the key; None for a server without one
    image_size: Positive  # longest side of a photo as sent, pixels
    logprobs: Annotated[int, Field(ge=1, le=20)] | None  # most probable tokens asked for; None for none
    timeout_s: Seconds  # for a whole exchange, to the last byte of the reply
    retries: Count  # further attempts after failures that may pass
    backoff_s: Seconds  # wait before the first of them, doubled before each next
    concurrency: Positive  # requests at once

    @field_validator("url")
    @classmethod
    def _no_password(cls, url: str) -> str:
        if holds_password(url):
            raise ValueError(
                "an endpoint's url holds a user or password, which params.yaml is no place for: put the key "
                "into an environment variable and name it in key_variable"
            )
        return url


class Endpoint(Method):
    """A folder per subject with what the model is told of it."""

    Settings = Settings

    def fit(self, subjects: Sequence[Subject]) -> None:
        """Choose the words and copy the photos; nothing is sent yet."""
        material.keep(self.folder, subjects, self.settings, self.name)

    def answers(self, photos: Sequence[Path | bytes], asks: Sequence[Ask]) -> "list[vlm.Answer]":
        """Ask the server, several questions at a time.

        Raises UserError when the server is gone, refuses, or does not speak the protocol; what was answered
        until then is kept.
        """
        from stages import vlm
        from stages.methods.endpoint import chat

        known = {s: self._told(s) for s in dict.fromkeys(s for ask in asks for s in ask.subjects)}
        shown = {
            i: chat.picture(photos[i], self.settings.image_size) for i in {a.photo for a in asks} - {None}
        }
        bodies = [
            self._body(
                chat.content(
                    [known[subject] for subject in ask.subjects], shown.get(ask.photo), ask.question
                ),
                ask.task.max_new_tokens,
            )
            for ask in asks
        ]
        replies = self._client().ask_all(bodies, self.name)
        return [
            vlm.Answer(reply.text, chat.probabilities(reply.first, ask.task.options))
            for reply, ask in zip(replies, asks, strict=True)
        ]

    def cost(self, name: str, subject: str) -> Cost:
        """Nothing is learned; the server counts the prompt with and without it, or else it is 0."""
        from stages.methods.endpoint import chat

        bodies = [self._body(chat.content(told, None, "Is it?"), 1) for told in ([self._told(subject)], [])]
        longer, shorter = self._client().ask_all(bodies, self.name)
        return Cost(
            0, material.stored_bytes(self.folder, subject), longer.prompt_tokens - shorter.prompt_tokens
        )

    def _told(self, subject: str) -> list[dict]:
        from stages.methods.endpoint import chat

        return chat.told(subject, material.read(self.folder, subject), self.settings.image_size)

    def _body(self, content: list[dict], max_tokens: int) -> dict:
        body = {
            "model": self.settings.model,
            "messages": [{"role": "user", "content": content}],
            "temperature": 0,
            "max_tokens": max_tokens,
        }
        asked = self.settings.logprobs
        return body | ({"logprobs": True, "top_logprobs": asked} if asked else {})

    def _client(self) -> "Client":
        from stages.methods.endpoint.client import Client, Limits

        chosen = self.settings
        limits = Limits(chosen.timeout_s, chosen.retries, chosen.backoff_s, chosen.concurrency)
        return Client(chosen.url, chosen.key_variable, limits, f"methods.{self.name}")


METHOD = Endpoint
