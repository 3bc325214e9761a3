"""A request as plain values: who is asked about what, with every photo checked; owns what cannot be asked.

Uses no model, so that a request that is none is refused while the model answers others.
"""

import base64
import binascii
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from urllib.parse import unquote

from commands.serve.protocol import ChatRequest, ImagePart, Message, RefusedError, TextPart
from common.assistant import BASE, Assistant
from common.core import images, paths
from common.core.errors import UserError
from common.core.foreign import inside, printable
from common.core.names import NAME
from common.methods.interface import InPrompt
from common.prompts.recognition import asks_presence
from common.vlm import Decoding

NO_MODEL = "model_not_found"


@dataclass(frozen=True)
class ChatTurn:
    """What was asked earlier, and what was answered; photo: the file's bytes of one that it brought."""

    question: str
    photo: bytes | None
    answer: str


@dataclass(frozen=True)
class ChatQuestion:
    """What is asked.

    Attributes:
        method: one of the assistant's.
        subjects: who is in place.
        turns: that were had before.
        text: the question.
        photo: the file's bytes of one that the question brings, or None.
        decoding: how the answer is decoded.
        stop: texts before which the answer ends.
        stream: whether it is given as it grows.

    """

    method: str
    subjects: tuple[str, ...]
    turns: tuple[ChatTurn, ...]
    text: str
    photo: bytes | None
    decoding: Decoding
    stop: tuple[str, ...]
    stream: bool


def read(request: ChatRequest, assistant: Assistant, folder: Path | None, *, several: bool) -> ChatQuestion:
    """The question of a request.

    Args:
        request: of the right form.
        assistant: what will answer, its methods opened.
        folder: where photos lie that requests may name; None for nowhere.
        several: whether a conversation may be about several photos.

    Raises RefusedError if the model is unknown, and UserError if messages or photos cannot be used.

    """
    method, subjects = named(request.model, assistant)
    roles = [message.role for message in request.messages]
    if {"system", "developer"} & {*roles}:
        raise UserError(
            "the system sentence is the base's, base.vlm.system in params.yaml: "
            "leave out messages of the role system"
        )
    if roles != ["user", "assistant"] * (len(roles) // 2) + ["user"]:
        raise UserError("messages must alternate user and assistant, beginning and ending with user")
    shown: dict[str, bytes] = {}
    said = [(_text(message), _photo(message, folder, shown)) for message in request.messages]
    if len({*shown.values()}) > 1 and not several:
        raise UserError(
            "the base model sees one photo in a conversation: send one, and begin anew with another"
        )
    if not said[-1][0].strip():
        raise UserError("the last message asks nothing: write a question")
    for number, photo in enumerate(dict.fromkeys(shown.values()), 1):
        images.load_image(photo, f"photo {number}")
    if not shown:
        there = dict.fromkeys([*subjects, *(name[1:-1] for name in NAME.findall(said[-1][0]))])
        known = [subject for subject in there if subject in assistant.learned(method)]
        if any(asks_presence(said[-1][0], f"<{subject}>") for subject in known):
            raise UserError("this asks what a photo shows, and there is none: send one as an image_url part")
    turns = tuple(
        ChatTurn(*asked, answer) for asked, (answer, _) in zip(said[:-1:2], said[1::2], strict=True)
    )
    decoding = _decoding(request, assistant.decoding)
    if request.temperature and not isinstance(assistant.method(method), InPrompt):
        raise UserError(f"{method} answers greedily: leave temperature out, or set it to 0")
    stop = tuple(request.stop or ())
    return ChatQuestion(method, subjects, turns, *said[-1], decoding, stop, bool(request.stream))


def named(model: str, assistant: Assistant) -> tuple[str, tuple[str, ...]]:
    """Method and subjects of a model's name, ``[method/]subject[+subject…]`` or ``base``.

    Raises RefusedError if one of them is unknown, or a subject not learned.
    """
    if model == BASE:
        return BASE, ()
    method, _, rest = model.rpartition("/")
    method = method or paths.SOFT_PROMPT
    if method.partition("@")[0] not in assistant.titles:
        raise RefusedError(
            404,
            f"the model {printable(model)} is unknown, for {printable(method)} is no method: use one of "
            f"{', '.join(assistant.titles)}",
            NO_MODEL,
        )
    subjects = tuple(dict.fromkeys(rest.split("+")))
    unknown = [subject for subject in subjects if subject not in assistant.subjects]
    if unknown:
        raise RefusedError(
            404,
            f"the model {printable(model)} is unknown, for {printable(unknown[0])} is no subject: "
            "GET /v1/models lists what can be asked",
            NO_MODEL,
        )
    try:
        assistant.method(method)
        assistant.check_learned(method, subjects)
    except UserError as error:
        raise RefusedError(404, str(error), NO_MODEL) from None
    return method, subjects


def models(assistant: Assistant) -> list[str]:
    """Names that can be asked for: each subject, by soft prompts each two; more are joined alike."""
    trained = assistant.learned(paths.SOFT_PROMPT)
    known = [BASE, *trained, *map("+".join, combinations(trained, 2))]
    return known + [
        f"{method}/{subject}"
        for method in assistant.titles
        if method != paths.SOFT_PROMPT
        for subject in assistant.learned(method)
    ]


def _text(message: Message) -> str:
    return " ".join(part.text for part in message.content if isinstance(part, TextPart))


def _photo(message: Message, folder: Path | None, shown: dict[str, bytes]) -> bytes | None:
    """The photo of a message; `shown` keeps all by their address."""
    urls = [part.image_url.url for part in message.content if isinstance(part, ImagePart)]
    if len(urls) > 1:
        raise UserError("a message may hold one photo: send the others with questions of their own")
    if urls and message.role == "assistant":
        raise UserError("a message of the assistant holds no photo: send photos as the user")
    for url in urls:
        if url not in shown:
            shown[url] = _sent(url) if url.startswith("data:") else _named(url, folder)
        return shown[url]
    return None


def _sent(url: str) -> bytes:
    """The photo that a data URL holds."""
    head, _, data = url.partition(",")
    if not head.endswith(";base64"):
        raise UserError("a photo's data URL must begin like data:image/jpeg;base64,")
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise UserError("a photo's data URL is no base64: encode the file's bytes again") from None


def _named(url: str, folder: Path | None) -> bytes:
    """The photo of the server's folder that is meant."""
    name = unquote(url.removeprefix("file://")) if url.startswith("file://") else url
    if "://" in name:
        raise UserError("this server fetches no addresses: send the photo as a data URL")
    if folder is None:
        raise UserError("this server was started without --photos: send the photo as a data URL")
    try:
        return images.read_bytes(inside(folder, name))
    except UserError:  # which tells where the folder is
        raise UserError(f"{printable(name)} is no file of the server's folder of photos") from None


def _decoding(request: ChatRequest, usual: Decoding) -> Decoding:
    wanted = {
        "max_new_tokens": request.max_completion_tokens or request.max_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "seed": request.seed,
    }
    return replace(usual, **{name: value for name, value in wanted.items() if value is not None})
