"""Answers of the hostile server that never come, or come a byte at a time until the test has ended."""

import http.server

from tests.support.pictures import picture


class SlowHandler(http.server.BaseHTTPRequestHandler):
    """What is not slow is said by who inherits; `server.released` is set when the test ends."""

    def _send(self, body: bytes, status: int = 200, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def _stall(self, _: str) -> None:
        self.server.released.wait()

    def _drip(self, _: str) -> None:
        body = picture(1)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for byte in body:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            if self.server.released.wait(0.1):
                return

    def _drip_status(self, _: str) -> None:
        self._forever(b"", b"HTTP/1.1 200 ", b"O")

    def _drip_headers(self, _: str) -> None:
        self._forever(b"HTTP/1.1 200 OK\r\n", b"X-Long: ", b"a")

    def _drip_chunks(self, _: str) -> None:
        self._forever(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"", b"1\r\na\r\n")

    def _drip_trailers(self, _: str) -> None:
        body = picture(1)
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n" % (len(body), body)
        self._forever(head, b"", b"A: b\r\n")

    def _continue(self, _: str) -> None:
        self._forever(b"", b"", b"HTTP/1.1 100 Continue\r\n\r\n")

    def _forever(self, head: bytes, start: bytes, piece: bytes) -> None:
        """Send `piece` now and then, until the test ends or the caller goes."""
        self.wfile.write(head + start)
        while not self.server.released.wait(0.05):
            self.wfile.write(piece)
            self.wfile.flush()

    def _endless(self, _: str) -> None:
        self.send_response(200)
        self.end_headers()
        while not self.server.released.is_set():
            self.wfile.write(b"\0" * 100_000)
