"""OpenAI's chat protocol: owns the forms of requests, completions, chunks and errors.

What would change an answer and cannot be done is refused; what changes none is taken and passed over.
"""

import math
import time
import uuid
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PositiveInt

OPTIONS = ("Yes", "No")  # answers whose probabilities a reply may tell
LEAST = -9999.0  # in place of the logarithm of 0, as OpenAI has it
Json = dict[str, Any]


class Form(BaseModel):
    """What may be sent, and nothing else."""

    model_config = ConfigDict(extra="forbid")


class ImageUrl(Form):
    """Where a photo is: a data URL, or the name of a file in the server's folder."""

    url: str
    detail: Literal["auto", "low", "high"] | None = None  # a model sees all photos alike


class TextPart(Form):
    """Words of a message."""

    type: Literal["text"]
    text: str


class ImagePart(Form):
    """A photo of a message."""

    type: Literal["image_url"]
    image_url: ImageUrl


def _parts(content: Any) -> Any:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


Part = Annotated[TextPart | ImagePart, Field(discriminator="type")]


class Message(BaseModel):
    """One side of a turn; what a client keeps beside it of an earlier reply is passed over."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[list[Part], BeforeValidator(_parts)]


class StreamOptions(Form):
    """How a reply is streamed."""

    include_usage: Literal[False] | None = None  # tokens are not counted


class ResponseFormat(Form):
    """What an answer is."""

    type: Literal["text"]


Zero = Annotated[float, Field(ge=0, le=0)]


class ChatRequest(Form):
    """The body of a request for a chat completion."""

    model: str
    messages: list[Message]
    stream: bool | None = None
    max_tokens: PositiveInt | None = None
    max_completion_tokens: PositiveInt | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    stop: (
        Annotated[
            list[Annotated[str, Field(min_length=1)]],
            Field(max_length=4),
            BeforeValidator(lambda stop: [stop] if isinstance(stop, str) else stop),
        ]
        | None
    ) = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    n: Literal[1] | None = None
    frequency_penalty: Zero | None = None
    presence_penalty: Zero | None = None
    response_format: ResponseFormat | None = None
    stream_options: StreamOptions | None = None
    store: Literal[False] | None = None
    user: str | None = None
    metadata: dict[str, str] | None = None


class ServedAnswer(NamedTuple):
    """An answer, as far as it is known.

    Attributes:
        text: so far.
        probabilities: of OPTIONS, among the two; empty for a method that has none.
        finish: why it ended, "stop" or "length"; None while it grows.

    """

    text: str
    probabilities: tuple[float, ...]
    finish: str | None = None


class RefusedError(Exception):
    """Why there is no answer: one sentence and an HTTP status."""

    def __init__(self, status: int, message: str, code: str | None = None, **headers: str) -> None:
        super().__init__(message)
        self.status, self.code, self.headers = status, code, headers

    @property
    def body(self) -> Json:
        """As OpenAI words it."""
        kind = "invalid_request_error" if self.status < 500 and self.status != 429 else "server_error"
        return {"error": {"message": str(self), "type": kind, "param": None, "code": self.code}}


def model_row(name: str) -> Json:
    """A model as lists have it."""
    return {"id": name, "object": "model", "created": 0, "owned_by": "personal-vlm"}


class Replies:
    """The forms of one reply: whole, or in chunks."""

    def __init__(self, model: str, fingerprint: str, top: int | None) -> None:
        """Begin; `top` is how many log probabilities are wanted at a place, None for none."""
        self.head = {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": model,
            "system_fingerprint": fingerprint,
        }
        self.top = top

    def completion(self, said: ServedAnswer) -> Json:
        """The whole answer."""
        message = {"role": "assistant", "content": said.text, "refusal": None}
        choice = {
            "index": 0,
            "message": message,
            "logprobs": self._logprobs(said),
            "finish_reason": said.finish,
        }
        return self.head | {"object": "chat.completion", "choices": [choice]}

    def chunk(self, said: ServedAnswer, new: str, *, first: bool) -> Json:
        """What was said since the last chunk; the first one says who speaks, and the log probabilities."""
        delta = {"role": "assistant", "content": new} if first else {"content": new} if new else {}
        logprobs = self._logprobs(said) if first else None
        choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": said.finish}
        return self.head | {"object": "chat.completion.chunk", "choices": [choice]}

    def _logprobs(self, said: ServedAnswer) -> Json | None:
        """One place, the answer's first: OPTIONS with the logarithms of their probabilities among the two."""
        if self.top is None or not said.probabilities:
            return None
        told = sorted(
            (
                {"token": word, "logprob": math.log(p) if p else LEAST, "bytes": list(word.encode())}
                for word, p in zip(OPTIONS, said.probabilities, strict=True)
            ),
            key=lambda option: -option["logprob"],
        )
        return {"content": [told[0] | {"top_logprobs": told[: self.top]}], "refusal": None}
