"""Connections that end in time and lead where they may: what every request of ours goes through.

The deadline covers every byte that is sent and received (the TLS handshake, the status line, headers, chunk
sizes, trailers and any `100 Continue`).
"""

import base64
import http.client
import io
import ipaddress
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Collection
from functools import partial
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

ANYWHERE = None  # where a host that the user alone has named may be
NAT64 = ipaddress.ip_network("64:ff9b::/96")  # IPv6 addresses that a gateway turns into IPv4 ones


class Final(urllib.error.URLError):
    """A failure that further attempts would not mend."""


def retry_after(header: str | None) -> float | None:
    """Seconds of a Retry-After header, 0 or more; None for a date, nonsense or nothing."""
    number = (header or "").strip()
    return float(number[:9]) if number.isascii() and number.replace(".", "", 1).isdigit() else None


def is_global(address: str) -> bool:
    """Whether an IP address is one of the public internet, also when it is wrapped in an IPv6 address."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in NAT64:
            ip = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        else:
            ip = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1]) or ip
    return ip.is_global and not ip.is_multicast


class Requests(urllib.request.AbstractHTTPHandler):
    """Requests over connections that end in time.

    They lead to global addresses and to `allowed` hosts ("host" or "host:port", as URLs write them), or
    ANYWHERE.
    """

    def __init__(self, allowed: Collection[str] | None) -> None:
        super().__init__()
        self.allowed = allowed

    def prepared(self, request: urllib.request.Request) -> urllib.request.Request:
        """As urllib's own, but `user:password@`, which it would take for the host, is sent as browsers do."""
        credentials, at, host = (request.host or "").rpartition("@")
        if at:
            request.host = host
            encoded = base64.b64encode(unquote_to_bytes(credentials)).decode()
            request.add_unredirected_header("Authorization", f"Basic {encoded}")
        return self.do_request_(request)

    def do_open(  # ty: ignore[incompatible-method-override]  (its names, not its types)
        self, connection: type, request: urllib.request.Request, **settings: Any
    ) -> http.client.HTTPResponse:
        """One request and the head of its response."""
        kind = _Secure if issubclass(connection, http.client.HTTPSConnection) else _Plain
        proxied = bool(getattr(request, "_tunnel_host", None)) or request.has_proxy()
        if proxied and self.allowed is not ANYWHERE:  # the user's proxy looks names up: only numbers show
            _refuse_local_number(urlsplit(request.full_url).hostname or "")
        allowed = ANYWHERE if proxied else self.allowed
        try:
            return super().do_open(partial(kind, allowed=allowed), request, **settings)
        except urllib.error.URLError as error:  # in which urllib wraps whatever a connection raises
            if isinstance(error.reason, Final):
                raise error.reason from None
            raise


class Http(Requests, urllib.request.HTTPHandler):
    """Without TLS."""

    http_request = Requests.prepared


class Https(Requests, urllib.request.HTTPSHandler):
    """With TLS."""

    https_request = Requests.prepared


class _Bounded(http.client.HTTPConnection):
    def __init__(self, host: str, *, allowed: Collection[str] | None, **settings: Any) -> None:
        super().__init__(host, **settings)
        self.allowed = allowed
        self.end = time.monotonic() + self.timeout  # ty: ignore[unsupported-operator]  (which requests set)
        self._create_connection = self._open

    def _open(self, place: tuple[str, int], *_: object) -> "_Timed":
        """Connect to the first address that answers; the address that is checked is the one that is used."""
        host, port = place
        if not 0 < port < 65536:
            raise Final("port must be 1 to 65535")
        problem: OSError = Final("no address associated with the host")
        for family, kind, protocol, _name, address in socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM):
            if not self._may_reach(host.lower(), port, str(address[0])):
                problem = Final("a local address, which is not allowed")
                continue
            peer = _Timed(socket.socket(family, kind, protocol), self.end)
            try:
                peer.connect(address)
                return peer
            except OSError as error:
                peer.close()
                problem = error
        raise problem

    def _may_reach(self, host: str, port: int, address: str) -> bool:
        if self.allowed is ANYWHERE or is_global(address):
            return True
        return not {host, f"{host}:{port}", f"[{host}]:{port}"}.isdisjoint(self.allowed)


class _Plain(_Bounded):
    pass


class _Secure(_Bounded, http.client.HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        self.sock = _Timed(self.sock, self.end)  # ty: ignore[invalid-argument-type]  (a socket, so far)


class _Timed:
    """A socket, everything on which ends at one moment of time.monotonic."""

    def __init__(self, peer: socket.socket, end: float) -> None:
        self.peer, self.end = peer, end

    def __getattr__(self, name: str) -> Any:
        """What has no time limit, such as setsockopt; TLS takes the time that is left from gettimeout."""
        return getattr(self.peer, name)

    def wait(self) -> None:
        """Let the next operation take the time that is left."""
        left = self.end - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self.peer.settimeout(left)

    def connect(self, address: tuple[Any, ...]) -> None:
        self.wait()
        self.peer.connect(address)
        self.wait()

    def sendall(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            self.wait()
            view = view[self.peer.send(view) :]

    def makefile(self, *_: object) -> io.BufferedReader:
        return io.BufferedReader(_Bytes(self, self.peer.makefile("rb", buffering=0)))


class _Bytes(io.RawIOBase):
    """What comes from a timed socket."""

    def __init__(self, peer: _Timed, raw: io.RawIOBase) -> None:
        self.peer, self.raw = peer, raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self.peer.wait()
        return self.raw.readinto(buffer)

    def close(self) -> None:
        self.raw.close()
        super().close()


def _refuse_local_number(host: str) -> None:
    """Raise Final for a local address that is written in numbers, in any of the ways that are understood."""
    try:
        addresses = socket.getaddrinfo(host, None, 0, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        addresses = [(None, None, None, None, ("127.0.0.1",))] if host == "localhost" else []
    if not all(is_global(str(address[0])) for *_, address in addresses):
        raise Final("a local address, which is not allowed")
