"""The page's web server: owns its address, its limits and its end."""

import os
import socket
import sys
import tempfile
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn
from fastapi import FastAPI, Response

from commands.page.guard import Guard
from common.core.errors import UserError

if TYPE_CHECKING:
    from commands.page.page import Page

HOST = "127.0.0.1"
MAX_FILE = "64mb"  # of one photo
END_AFTER_S = 2  # with pages still open
MONTH = "private, max-age=2592000"


@contextmanager
def reserved(port: int) -> Iterator[socket.socket]:
    """A socket on this port of the loopback address; UserError if somebody listens there."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            raise UserError(
                f"port {port} is in use, perhaps by an earlier page: end that, or name another port, as in "
                f"`python -m commands.page {port + 1}`"
            ) from None
        yield listener


def serve(page: "Page", listener: socket.socket) -> None:
    """Answer browsers until Ctrl-C; what they uploaded is then deleted."""
    port = listener.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="personal-vlm-") as uploads:
        os.environ["GRADIO_TEMP_DIR"] = uploads
        app = application(page, port)
        threading.Thread(target=_warm, args=(page,), name="load the model", daemon=True).start()
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=END_AFTER_S)
        print(f"The page is at http://{HOST}:{port} (Ctrl-C ends it)", flush=True)
        if sys.platform in ("darwin", "win32") or {"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ):
            threading.Timer(1, webbrowser.open, [f"http://{HOST}:{port}"]).start()
        uvicorn.Server(config).run([listener])


def application(page: "Page", port: int) -> Guard:
    """The page and its pictures as an ASGI application for this port."""
    import gradio

    from commands.page import layout

    app = FastAPI(openapi_url=None)

    @app.get("/pictures/{subject}.jpg")
    def picture(subject: str) -> Response:
        data = page.picture(subject)
        if data is None:
            return Response(status_code=404)
        return Response(data, media_type="image/jpeg", headers={"Cache-Control": MONTH})

    gradio.mount_gradio_app(
        app,
        layout.build(page),
        path="/",
        footer_links=[],
        run_history=False,
        max_file_size=MAX_FILE,
        enable_monitoring=False,
        ssr_mode=False,
        mcp_server=False,
        show_error=True,
        theme=layout.THEME,
        head=layout.head(),
    )
    return Guard(app, [f"{HOST}:{port}", f"localhost:{port}"])


def _warm(page: "Page") -> None:
    """Load the model while people look around; what is wrong with it is said to who asks first."""
    try:
        page.assistant.base  # noqa: B018
    except UserError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
