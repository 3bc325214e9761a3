"""The one way to strangers' servers: bounded in time and size, polite to each host, heedful of opt-outs.

Owns an opener of urllib's that retrieve's own downloads and every worker of img2dataset go through, so that
both keep to the same rules. Does not own what is downloaded, or what a usable picture is (`web`).
"""

import http.client
import io
import threading
import time
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import urlsplit

CHUNK = 64 * 1024
PAUSE_S = 0.5  # before a further attempt
PASSING = {429, 500, 502, 503, 504}  # HTTP statuses that may be better at the next attempt
OPT_OUT = {"noai", "noimageai", "noindex", "noimageindex"}  # of X-Robots-Tag, as img2dataset heeds them
VALUED = {"max-snippet", "max-image-preview", "max-video-preview", "unavailable_after"}  # have a colon


@dataclass(frozen=True)
class Limits:
    """Bounds on one picture, and manners towards its server."""

    timeout_s: float  # for a whole download attempt
    retries: int
    max_bytes: int
    max_pixels: int
    max_side: int  # of the picture as kept
    per_host: int  # requests at once to one host, of one process
    agent: str  # User-Agent; the part before the first "/" is our name in X-Robots-Tag


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
        with suppress(TypeError, ValueError):
            if response.status in PASSING:
                self.free_at = time.monotonic() + int(response.headers["Retry-After"])


class _Courteous(urllib.request.AbstractHTTPHandler):
    """A request at the host's turn, tried again if that may help, with the whole response read at once."""

    def __init__(self, limits: Limits, hosts: dict[str, _Host]) -> None:
        super().__init__()
        self.limits, self.hosts = limits, hosts

    def do_open(  # ty: ignore[incompatible-method-override]  (its names, not its types)
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
            host.wait(self.limits.timeout_s)
            response = super().do_open(connection, request, **settings)
            host.heed(response)
            refuse_opt_out(response, self.limits.agent)
            _read(response, self.limits)
        return response


class _Http(_Courteous, urllib.request.HTTPHandler):
    pass


class _Https(_Courteous, urllib.request.HTTPSHandler):
    pass


class Final(urllib.error.URLError):
    """A failure that further attempts would not mend."""


def opener(limits: Limits) -> urllib.request.OpenerDirector:
    """An opener that knows HTTP and HTTPS only, so that no URL or redirect leads to a local file."""
    hosts: dict[str, _Host] = {}
    director = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        _Http(limits, hosts),
        _Https(limits, hosts),
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
    found: set[str] = set()
    for value in headers.get_all("X-Robots-Tag", []):
        name, colon, rest = value.lower().partition(":")
        to_one = colon and "," not in name and name.strip() not in VALUED  # "somebot: noai, nofollow"
        if to_one and name.strip() != agent.partition("/")[0].strip().lower():
            continue
        found |= {tag.strip() for tag in (rest if to_one else value.lower()).split(",")}
    return found


def _read(response: http.client.HTTPResponse, limits: Limits) -> None:
    """Replace `read` by the body; a server that sends a byte now and then runs out of time here."""
    body, end, promised = bytearray(), time.monotonic() + limits.timeout_s, response.length
    while (promised is None or len(body) < promised) and (chunk := response.read1(CHUNK)):
        body += chunk
        if len(body) > limits.max_bytes:
            raise Final(f"body larger than {limits.max_bytes} bytes")
        if time.monotonic() > end:
            raise TimeoutError("timed out")
    if promised is not None and len(body) < promised:
        raise http.client.IncompleteRead(bytes(body), promised - len(body))
    response.read = io.BytesIO(body).read  # ty: ignore[invalid-assignment]
