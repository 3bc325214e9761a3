"""The one way to strangers' servers: bounded in time and size, polite to each host, heedful of opt-outs.

Owns an opener of urllib's that retrieve's own downloads and every worker of img2dataset go through, so that
both keep to the same rules. Does not own the deadline and the reach of a connection (`connection`), what is
downloaded, or what a usable picture is (`web`).
"""

import http.client
import io
import math
import threading
import time
import urllib.request
import zlib
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import urlsplit

from common.core.connection import Final, Http, Https, Requests, retry_after

CHUNK = 64 * 1024
PAUSE_S = 0.5  # before a further attempt
PASSING = {429, 500, 502, 503, 504}  # HTTP statuses that may be better at the next attempt
OPT_OUT = {"noai", "noimageai", "noindex", "noimageindex", "noml"}  # of X-Robots-Tag; noml beyond img2dataset
COMPRESSED = {"gzip", "x-gzip", "deflate"}  # Content-Encoding of servers that were not asked for it
VALUED = {"max-snippet", "max-image-preview", "max-video-preview", "unavailable_after"}  # have a colon


@dataclass(frozen=True)
class DownloadLimits:
    """Bounds on one picture, and manners towards its server."""

    timeout_s: float  # for a whole request, from its connection to the last byte of its response
    retries: int
    max_bytes: int
    max_pixels: int
    max_side: int  # of the picture as kept
    min_side: int
    max_aspect: float  # longer side by shorter side
    per_host: int  # requests at once to one host, of one process
    agent: str  # User-Agent; the part before the first "/" is our name in X-Robots-Tag
    allowed: tuple[str, ...] = ()  # hosts ("host" or "host:port") that need no global address

    def __post_init__(self) -> None:
        """Take a list, as JSON has it."""
        object.__setattr__(self, "allowed", tuple(self.allowed))


@dataclass
class _Host:
    """How many may ask a host at once, and until when it wants to be left alone."""

    turns: threading.Semaphore
    free_at: float = field(default=0.0)  # seconds of time.monotonic

    def wait(self, at_most: float) -> None:
        pause = self.free_at - time.monotonic()
        if pause > at_most:
            raise Final("the host wants to be left alone")
        time.sleep(max(0.0, pause))

    def heed(self, response: http.client.HTTPResponse) -> None:
        """Take Retry-After in seconds; its other form, a date, is left to the pause before a retry."""
        seconds = retry_after(response.headers["Retry-After"])
        if response.status in PASSING and seconds is not None:
            self.free_at = time.monotonic() + seconds


class _Courteous(Requests):
    """A request at the host's turn, tried again if that may help, with the whole response read at once."""

    def __init__(self, limits: DownloadLimits, deadline: float, hosts: dict[str, _Host]) -> None:
        super().__init__(limits.allowed)
        self.limits, self.deadline, self.hosts = limits, deadline, hosts

    def do_open(
        self, connection: type, request: urllib.request.Request, **settings: Any
    ) -> http.client.HTTPResponse:
        """One hop of a download. What another attempt cannot mend is not asked for again."""
        request.add_unredirected_header("User-Agent", self.limits.agent)
        for _ in range(self.limits.retries):
            try:
                response = self._attempt(connection, request, **settings)
                if response.status not in PASSING:
                    return response
            except Final:
                raise
            except (OSError, http.client.HTTPException):
                pass  # the last attempt's failure is the one to tell of
            time.sleep(PAUSE_S)
        return self._attempt(connection, request, **settings)

    def _attempt(
        self, connection: type, request: urllib.request.Request, **settings: Any
    ) -> http.client.HTTPResponse:
        name = urlsplit(request.full_url).netloc
        host = self.hosts.setdefault(name, _Host(threading.Semaphore(self.limits.per_host)))
        with host.turns:  # waiting for one's turn does not count as the server's time
            host.wait(min(self.limits.timeout_s, self._left()))
            request.timeout = min(self.limits.timeout_s, self._left())
            try:
                response = super().do_open(connection, request, **settings)
                host.heed(response)
                refuse_opt_out(response, self.limits.agent)
                _read(response, self.limits)
            except OSError:
                self._left()  # what the deadline has ended is not the server's failure
                raise
        return response

    def _left(self) -> float:
        """Seconds until the deadline of the whole list; raises Final when there are none."""
        left = self.deadline - time.time()
        if left <= 0:
            raise Final("the deadline of the list has passed")
        return left


class _Http(_Courteous, Http):
    pass


class _Https(_Courteous, Https):
    pass


def polite_opener(limits: DownloadLimits, deadline: float = math.inf) -> urllib.request.OpenerDirector:
    """An opener that knows HTTP and HTTPS only, so that no URL or redirect leads to a local file.

    From `deadline` on, a moment of time.time, for machines of a distributor share that, every download fails.
    """
    hosts: dict[str, _Host] = {}
    director = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        _Http(limits, deadline, hosts),
        _Https(limits, deadline, hosts),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        director.add_handler(handler)
    return director


def refuse_opt_out(response: http.client.HTTPResponse, agent: str) -> None:
    """Raise Final if the headers of a picture, or of a redirect to it, ask for it.

    Heeds X-Robots-Tag (noai, noimageai, noindex, noimageindex, for all or for our name) and the TDM
    Reservation Protocol (W3C community group, 2024).
    """
    if response.status >= 400:
        return
    if response.headers.get("TDM-Reservation", "").strip() == "1":
        raise Final("use reserved by TDM-Reservation")
    if robots_tags(response.headers, agent) & OPT_OUT:
        raise Final("use disallowed by X-Robots-Tag")


def robots_tags(headers: Message, agent: str) -> set[str]:
    """The directives of all X-Robots-Tag headers that are for everyone or for us, in small letters."""
    tags: set[str] = set()
    for value in headers.get_all("X-Robots-Tag", []):
        name, colon, rest = value.lower().partition(":")
        to_one = colon and "," not in name and name.strip() not in VALUED  # "somebot: noai, nofollow"
        if to_one and name.strip() != agent.partition("/")[0].strip().lower():
            continue
        tags |= {tag.strip() for tag in (rest if to_one else value.lower()).split(",")}
    return tags


def _read(response: http.client.HTTPResponse, limits: DownloadLimits) -> None:
    """Replace `read` by the body; the time that a server may take for it is the connection's."""
    body, promised = bytearray(), response.length
    while (promised is None or len(body) < promised) and (chunk := response.read1(CHUNK)):
        body += chunk
        if len(body) > limits.max_bytes:
            raise Final(f"body larger than {limits.max_bytes} bytes")
    if promised is not None and len(body) < promised:
        raise http.client.IncompleteRead(bytes(body), promised - len(body))
    plain = bytes(body)
    if response.headers.get("Content-Encoding", "").strip().lower() in COMPRESSED:
        plain = _unpacked(plain, limits.max_bytes)
    response.read = io.BytesIO(plain).read  # ty: ignore[invalid-assignment]


def _unpacked(body: bytes, max_bytes: int) -> bytes:
    """What a body holds if it is compressed indeed; some servers say so of a picture as it is."""
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 32)  # gzip or zlib
    try:
        plain = unpack.decompress(body, max_bytes + 1)
    except zlib.error:
        return body
    if len(plain) > max_bytes:
        raise Final(f"unpacked body larger than {max_bytes} bytes")
    return plain
