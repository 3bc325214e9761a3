"""Requests to services that the user has named: one deadline for an exchange, bounded replies, no raw errors.

Redirects are not followed. No host is out of reach: the user named it.
"""

import json
import urllib.request
from email.message import Message
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from common.core.causes import cause
from common.core.connection import ANYWHERE, Http, Https

CHUNK = 64 * 1024


class NoReplyError(Exception):
    """Why there is no reply, in a few words: no address, header or key in them."""


class Reply(NamedTuple):
    """What a service answered, whatever its status."""

    status: int
    headers: Message
    data: bytes


def ask(url: str, body: Any, seconds: float, max_bytes: int, headers: dict[str, str] | None = None) -> Reply:
    """POST `body` as JSON, or GET if it is None; raises NoReplyError.

    Args:
        url: http or https.
        body: what JSON can write.
        seconds: from the connection to the reply's last byte.
        max_bytes: of the reply.
        headers: further ones; line breaks and letters beyond Latin-1 in them are refused.

    """
    data = None if body is None else json.dumps(body).encode()
    try:
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"} | (headers or {}))
        with _director().open(request, timeout=seconds) as response:
            received = bytearray()
            while chunk := response.read1(CHUNK):
                received += chunk
                if len(received) > max_bytes:
                    raise NoReplyError("its reply is too large")
            return Reply(response.status, response.headers, bytes(received))
    except NoReplyError:
        raise
    except Exception as error:  # which may hold the address and every header: none of its words are repeated
        raise NoReplyError(cause(str(error))) from None


def shown(url: str) -> str:
    """An address as it may be shown and kept: without user, password and query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "the address given"
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def holds_password(url: str) -> bool:
    """Whether an address carries a user's name or a password."""
    return "@" in url.partition("://")[2].partition("/")[0]


def _director() -> urllib.request.OpenerDirector:
    director = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        Http(ANYWHERE),
        Https(ANYWHERE),
    ):
        director.add_handler(handler)
    return director
