"""A server on loopback, which stands for the embedded world's host."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from common.core.errors import UserError


@contextmanager
def loopback(folder: Path) -> Iterator[str]:
    """Serve a folder on an ephemeral port of 127.0.0.1; yields "http://127.0.0.1:PORT/"."""
    if not folder.is_dir():
        raise UserError(
            f"index.serve: the folder {folder} is missing: make it with `dvc repro`, or set serve: null"
        )
    handler = partial(_Quiet, directory=str(folder))
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


class _Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256  # the default of 5 makes many threads wait a second for a connection


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """One line per request is for servers that people watch."""
