"""The chat protocol: owns what is said and shown to the model, and what its replies amount to.

Reference photos and descriptions come first, then the photo that is asked about, then the question. Sends
nothing (`client`).
"""

import base64
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from PIL import Image
from pydantic import BaseModel, Field

from common.core import foreign, images
from common.methods.prompt_context import PromptContext

Part = dict[str, Any]
LONGEST = 100_000  # letters of an answer, of which a handful of tokens was asked for
ASKED_ABOUT = "This is the photo that the question is about:"


class Top(BaseModel):
    """One of the most probable tokens at a place."""

    token: str
    logprob: Annotated[float, Field(le=0.01, allow_inf_nan=False)]  # some servers round above 0


class Place(BaseModel):
    """A token of the answer."""

    top_logprobs: Annotated[list[Top], Field(max_length=1000)]


class Logprobs(BaseModel):
    """Of an answer's tokens."""

    content: list[Place] | None = None


class Message(BaseModel):
    """The answer, or the model's refusal."""

    content: Annotated[str, Field(max_length=LONGEST)] | None
    refusal: Annotated[str, Field(max_length=LONGEST)] | None = None


class Choice(BaseModel):
    """One answer."""

    message: Message
    logprobs: Logprobs | None = None


class Usage(BaseModel):
    """What the server counted."""

    prompt_tokens: Annotated[int, Field(ge=0, lt=2**31)] | None = None


class Completion(BaseModel):
    """A chat completion, as far as it is used."""

    choices: Annotated[list[Choice], Field(min_length=1)]
    usage: Usage | None = None


class Reply(BaseModel):
    """What a server said to one request.

    Attributes:
        text: the answer, or the words of a refusal; empty if there are none.
        first: the most probable first tokens with their log probabilities; None if the server gives none.
        prompt_tokens: the server's count of the whole prompt; 0 if it gives none.

    """

    text: str
    first: dict[str, float] | None
    prompt_tokens: int


def context_parts(subject: str, context: PromptContext, size: int) -> list[Part]:
    """What is said and shown of a subject; photos are no larger than `size` pixels."""
    parts = [_text(context.description)] if context.description else []
    for photo in context.photos:
        parts += [_text(f"This is <{subject}>:"), _image(photo, size)]
    return parts


def picture(photo: Path | bytes, size: int) -> Part:
    """The photo that is asked about."""
    return _image(images.load_image(photo), size)


def content(told_of: Sequence[Sequence[Part]], photo: Part | None, question: str) -> list[Part]:
    """One user message about the subjects that were told of."""
    before = [part for parts in told_of for part in parts]
    shown = [_text(ASKED_ABOUT), photo] if photo else []
    return [*before, *shown, _text(question)]


def reply(data: bytes) -> Reply:
    """Read a chat completion; raises foreign.FormError if it is none."""
    answer = foreign.parsed(data, Completion)
    choice = answer.choices[0]
    tokens = (choice.logprobs and choice.logprobs.content) or []
    first = {top.token: top.logprob for top in tokens[0].top_logprobs} if tokens else {}
    text = choice.message.content or choice.message.refusal or ""
    counted = (answer.usage and answer.usage.prompt_tokens) or 0
    return Reply(text=text.strip(), first=first or None, prompt_tokens=counted)


def probabilities(first: dict[str, float] | None, options: Sequence[str]) -> tuple[float, ...]:
    """Softmax over the options' first tokens, whatever their case and the space before them.

    Empty without log probabilities; equal shares where no option is among the most probable tokens.
    """
    if first is None:
        return ()
    weights = [
        sum(math.exp(value) for token, value in first.items() if _bare(token) == _bare(option))
        for option in options
    ]
    total = sum(weights)
    return tuple(weight / total if total else 1 / len(options) for weight in weights)


def _bare(token: str) -> str:
    return token.strip().casefold()


def _text(text: str) -> Part:
    return {"type": "text", "text": text}


def _image(image: Image.Image, size: int) -> Part:
    """A data URL: JPEG without chroma subsampling, for drawn photos are small."""
    file = io.BytesIO()
    images.within(image, size).save(file, "JPEG", quality=95, subsampling=0)
    data = base64.b64encode(file.getvalue()).decode()
    return {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{data}"}}
