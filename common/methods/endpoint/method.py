"""Asks the server: what is told of every subject, then the questions, several at once."""

from collections.abc import Sequence

from common import vlm
from common.methods import prompt_context
from common.methods.endpoint import chat, describe
from common.methods.endpoint.client import Client, RequestLimits
from common.methods.endpoint.settings import EndpointSettings
from common.methods.interface import Cost, Method, MethodSubject, Photos, Request


class Endpoint(Method):
    """A folder per subject with what the model is told of it."""

    settings: EndpointSettings

    def fit(self, subjects: Sequence[MethodSubject]) -> None:
        """Choose the words, or let the server's model write them, and copy the photos.

        Raises UserError as `answers` does, and if the model writes nothing.
        """
        written = self._described(subjects) if self.settings.description == "own" else None
        prompt_context.write_context(self.folder, subjects, self.settings, self.name, written)

    def answers(self, photos: Photos, requests: Sequence[Request]) -> list[vlm.Answer]:
        """Ask the server, several questions at a time.

        Raises UserError when the server is gone, refuses, or does not speak the protocol; what was answered
        until then is kept.
        """
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
        bodies = [self._body(chat.content(told, None, "Is it?"), 1) for told in ([self._told(subject)], [])]
        longer, shorter = self._client().ask_all(bodies, self.name)
        return Cost(
            0, prompt_context.stored_bytes(self.folder, subject), longer.prompt_tokens - shorter.prompt_tokens
        )

    def _described(self, subjects: Sequence[MethodSubject]) -> dict[str, str]:
        size, longest = self.settings.image_size, self.settings.description_tokens
        bodies = [self._body(describe.request(subject, size), longest) for subject in subjects]
        replies = self._client().ask_all(bodies, self.name)
        return {
            subject.id: describe.description(subject, reply.text, self.name)
            for subject, reply in zip(subjects, replies, strict=True)
        }

    def _told(self, subject: str) -> list[dict]:
        return chat.context_parts(
            subject, prompt_context.read_context(self.folder, subject), self.settings.image_size
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

    def _client(self) -> Client:
        chosen = self.settings
        limits = RequestLimits(chosen.timeout_s, chosen.retries, chosen.backoff_s, chosen.concurrency)
        return Client(chosen.url, chosen.key_variable, limits, f"methods.{self.name}")


METHOD = Endpoint
