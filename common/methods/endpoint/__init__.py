"""A model behind an OpenAI-compatible server, told of the subject in words or by reference photos.

It has the place of GPT-4V in the paper's Table 5, and serves as well for any model that vLLM, llama.cpp or
another server offers at `/v1/chat/completions`. The photos of the test and of the subjects are sent there.
Answers are kept in `.cache/endpoint` by request (see `cache`), so a rerun asks nothing twice.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from common.core.replies import holds_password
from common.core.settings import AtOnce, PositiveFloat, Side
from common.methods import prompt_context
from common.methods.interface import Cost, Method, MethodSubject, Photos, Request

if TYPE_CHECKING:
    from common import vlm
    from common.methods.endpoint.client import Client


class EndpointSettings(prompt_context.ContextSettings):
    """What is told (`ContextSettings`), and how the server is asked."""

    # own: what its model says of all train photos, asked once
    description: Literal["human", "short", "long", "summary", "own"] | None
    description_tokens: Annotated[int, Field(gt=0, le=10_000)] = 200  # at most, of its own
    url: Annotated[str, StringConstraints(pattern=r"^https?://")]  # to which /chat/completions is added
    model: str  # as the server calls it
    key_variable: str | None  # environment variable that holds the key; None for a server without one
    image_size: Side  # longest side of a photo as sent, pixels
    logprobs: Annotated[int, Field(ge=1, le=20)] | None  # most probable tokens asked for; None for none
    timeout_s: PositiveFloat  # for a whole exchange, to the last byte of the reply
    retries: Annotated[int, Field(ge=0, le=20)]  # further attempts after failures that may pass
    backoff_s: PositiveFloat  # wait before the first of them, doubled before each next
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


class Endpoint(Method):
    """A folder per subject with what the model is told of it."""

    Settings = EndpointSettings

    def fit(self, subjects: Sequence[MethodSubject]) -> None:
        """Choose the words, or let the server's model write them, and copy the photos.

        Raises UserError as `answers` does, and if the model writes nothing.
        """
        written = self._described(subjects) if self.settings.description == "own" else None
        prompt_context.keep(self.folder, subjects, self.settings, self.name, written)

    def answers(self, photos: Photos, requests: Sequence[Request]) -> "list[vlm.Answer]":
        """Ask the server, several questions at a time.

        Raises UserError when the server is gone, refuses, or does not speak the protocol; what was answered
        until then is kept.
        """
        from common import vlm
        from common.methods.endpoint import chat

        known = {s: self._told(s) for s in dict.fromkeys(s for request in requests for s in request.subjects)}
        shown = {
            photo: chat.picture(photos[photo], self.settings.image_size)
            for photo in {request.photo for request in requests} - {None}
        }
        bodies = [
            self._body(
                chat.content(
                    [known[subject] for subject in request.subjects],
                    shown.get(request.photo),
                    request.question,
                ),
                request.task.max_new_tokens,
            )
            for request in requests
        ]
        replies = self._client().ask_all(bodies, self.name)
        return [
            vlm.Answer(reply.text, chat.probabilities(reply.first, request.task.options))
            for reply, request in zip(replies, requests, strict=True)
        ]

    def cost(self, name: str, subject: str) -> Cost:
        """Nothing is learned; the server counts the prompt with and without it, or else it is 0."""
        from common.methods.endpoint import chat

        bodies = [self._body(chat.content(told, None, "Is it?"), 1) for told in ([self._told(subject)], [])]
        longer, shorter = self._client().ask_all(bodies, self.name)
        return Cost(
            0, prompt_context.stored_bytes(self.folder, subject), longer.prompt_tokens - shorter.prompt_tokens
        )

    def _described(self, subjects: Sequence[MethodSubject]) -> dict[str, str]:
        from common.methods.endpoint import describe

        size, longest = self.settings.image_size, self.settings.description_tokens
        bodies = [self._body(describe.request(subject, size), longest) for subject in subjects]
        replies = self._client().ask_all(bodies, self.name)
        return {
            subject.id: describe.description(subject, reply.text, self.name)
            for subject, reply in zip(subjects, replies, strict=True)
        }

    def _told(self, subject: str) -> list[dict]:
        from common.methods.endpoint import chat

        return chat.context_parts(
            subject, prompt_context.read(self.folder, subject), self.settings.image_size
        )

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
        from common.methods.endpoint.client import Client, Limits

        chosen = self.settings
        limits = Limits(chosen.timeout_s, chosen.retries, chosen.backoff_s, chosen.concurrency)
        return Client(chosen.url, chosen.key_variable, limits, f"methods.{self.name}")


METHOD = Endpoint
