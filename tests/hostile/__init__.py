"""A web server on 127.0.0.1 that treats its callers as badly as the web does, an address per trouble."""

import base64
import gzip
import http.server
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from tests.hostile.slow import SlowHandler
from tests.support.pictures import huge_png, picture

LOCK = threading.Lock()
BOMB = huge_png(30_000)
CAUSES = {  # address → the short name under which this failure is counted
    "/missing": "http 404",
    "/broken": "http 500",
    "/stall": "timed out",
    "/drip": "timed out",
    "/drip-status": "timed out",
    "/drip-headers": "timed out",
    "/drip-chunks": "timed out",
    "/drip-trailers": "timed out",
    "/continue": "timed out",
    "/loop": "redirect loop",
    "/to-file": "http 302",
    "/page": "not an image",
    "/empty": "empty",
    "/short": "truncated",
    "/cut": "damaged",
    "/noai": "opted out",
    "/ours": "opted out",
    "/reserved": "opted out",
    "/endless": "too large",
    "/bomb": "too many pixels",
    "/packed-bomb": "too large",
    "/noml": "opted out",
    "/spacer": "too small",
    "/divider": "extreme shape",
    "/to-metadata": "local address",
    "/to-private": "local address",
}


class Seen(NamedTuple):
    """A request as the server saw it."""

    path: str
    agent: str
    at_once: int  # requests under way, this one included


@contextmanager
def server(seen: list[Seen] | None = None, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Run the server; yields "http://127.0.0.1:PORT", or https with `tls`. Requests are added to `seen`."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as host:
        if tls:
            host.socket = tls.wrap_socket(host.socket, server_side=True)
        host.released = threading.Event()
        host.seen = [] if seen is None else seen
        host.under_way = 0
        threading.Thread(target=host.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"{'https' if tls else 'http'}://127.0.0.1:{host.server_port}"
        finally:
            host.released.set()  # lets the stalling requests end
            host.shutdown()


class _Handler(SlowHandler, http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        kind, _, rest = self.path[1:].partition("/")
        self.counted = 1
        with LOCK:
            self.server.under_way += 1
            self.server.seen.append(Seen(self.path, self.headers["User-Agent"], self.server.under_way))
        with suppress(BrokenPipeError, ConnectionResetError):  # the caller has had enough, as it should
            getattr(self, f"_{kind.replace('-', '_')}")(rest)
        self._count_no_longer()

    def _count_no_longer(self) -> None:
        with LOCK:
            self.server.under_way -= self.counted
        self.counted = 0

    def _ok(self, number: str) -> None:
        self._send(picture(int(number.partition(".")[0])))

    def _slow(self, number: str) -> None:
        time.sleep(0.1)
        self._count_no_longer()  # before the caller has all and may ask again
        self._ok(number)

    def _missing(self, _: str) -> None:
        self._send(b"no", 404)

    def _broken(self, _: str) -> None:
        self._send(b"no", 500)

    def _second(self, number: str) -> None:
        """Stalls the first time that this address is asked for."""
        if self._first_time():
            self._stall(number)
        else:
            self._ok(number)

    def _first_time(self) -> bool:
        return sum(seen.path == self.path for seen in self.server.seen) == 1

    def _packed(self, number: str) -> None:
        self._send(gzip.compress(picture(int(number))), Content_Encoding="gzip")

    def _said_packed(self, number: str) -> None:
        self._send(picture(int(number)), Content_Encoding="gzip")

    def _packed_bomb(self, _: str) -> None:
        self._send(gzip.compress(bytes(50_000_000)), Content_Encoding="x-gzip")

    def _noml(self, _: str) -> None:
        self._send(picture(4), X_Robots_Tag="noml")

    def _spacer(self, _: str) -> None:
        self._send(picture(4, size=(1, 1)))

    def _divider(self, _: str) -> None:
        self._send(picture(4, size=(600, 20)))

    def _to_metadata(self, _: str) -> None:
        self._send(b"", 302, Location="http://169.254.169.254/latest/meta-data/")

    def _to_private(self, _: str) -> None:
        self._send(b"", 302, Location=f"http://localhost:{self.server.server_port}/ok/1")

    def _basic(self, number: str) -> None:
        """A picture for whoever knows the password."""
        if self.headers["Authorization"] == f"Basic {base64.b64encode(b'me:pass word').decode()}":
            self._ok(number)
        else:
            self._send(b"no", 401)

    def _loop(self, rest: str) -> None:
        self._send(b"", 302, Location=f"/loop/{len(rest)}{time.monotonic_ns()}")

    def _to_file(self, _: str) -> None:
        self._send(b"", 302, Location="file:///etc/hostname")

    def _page(self, _: str) -> None:
        self._send(b"<!DOCTYPE html><title>Not here</title>", Content_Type="image/png")

    def _empty(self, _: str) -> None:
        self._send(b"")

    def _short(self, _: str) -> None:
        body = picture(2)
        self._send(body[: len(body) // 2], length=len(body))

    def _cut(self, _: str) -> None:
        body = picture(3, "JPEG", (200, 200))
        self._send(body[: len(body) // 2])

    def _noai(self, _: str) -> None:
        self._send(picture(4), X_Robots_Tag="noai, noimageai")

    def _ours(self, _: str) -> None:
        self._send(picture(4), X_Robots_Tag="personal-vlm: noai, nofollow")

    def _theirs(self, _: str) -> None:
        self._send(picture(5), X_Robots_Tag="otherbot: noai, noimageai")

    def _reserved(self, _: str) -> None:
        self._send(picture(4), TDM_Reservation="1")

    def _busy(self, seconds: str) -> None:
        """Too many requests, the first time that this address is asked for."""
        if self._first_time():
            self._send(b"later", 429, Retry_After=seconds)
        else:
            self._send(picture(6))

    def _bomb(self, _: str) -> None:
        self._send(BOMB)

    def log_message(self, *_: object) -> None:
        pass
