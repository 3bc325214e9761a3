"""A server on 127.0.0.1 that answers every request with the bytes it is told to, whatever they are."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Server(socketserver.ThreadingTCPServer):
    """Set `answer` to what the next requests are to be answered with."""

    allow_reuse_address = daemon_threads = True
    answer = b""

    @property
    def url(self) -> str:
        """Its address, without a path."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with suppress(OSError):  # the caller has had enough
            self.request.settimeout(5)
            head, _, body = self.request.recv(65536).partition(b"\r\n\r\n")
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    left = int(line.partition(b":")[2]) - len(body)
                    while left > 0:
                        left -= len(self.request.recv(65536))
            self.request.sendall(self.server.answer)


@contextmanager
def server() -> Iterator[Server]:
    """Run the server."""
    with Server(("127.0.0.1", 0), _Handler) as host:
        threading.Thread(target=host.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield host
        finally:
            host.shutdown()


def http(body: bytes, status: int = 200, **headers: str) -> bytes:
    """A plain response."""
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body
