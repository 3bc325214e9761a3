"""Who may ask the page's server for what: an ASGI filter in front of gradio.

Gradio's server answers more than this page needs: files by path, addresses of the web, an API, a history of
runs. Here is a list of what the page asks for; the rest is not found. Requests under another host name, as
after DNS rebinding, and from other origins are refused, bodies are bounded, and the browser is told to load
nothing from anywhere else.
"""

import re
from collections.abc import Iterable

from gradio.route_utils import FnIndexInferError
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.core import progress
from common.core.progress import printable

NEEDED = {
    "GET": re.compile(
        r"/|/(theme\.css|config|favicon\.ico|manifest\.json)|/(assets|static|svelte|pictures)/.*"
        r"|/gradio_api/(queue/data|startup-events|app_id|upload_progress|heartbeat/\w+|file=/[^:]*)"
    ),
    "POST": re.compile(r"/gradio_api/(queue/join|run/predict|upload|cancel|reset|component_server)"),
}
UPLOAD = "/gradio_api/upload"
MAX_UPLOAD = 512 * 2**20  # bytes of one request, of as many photos as somebody has of a subject
MAX_BODY = 2**20  # bytes of any other
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "style-src 'self' 'unsafe-inline'; "
    # gradio's components make functions of their templates
    "script-src 'self' 'unsafe-inline' 'unsafe-eval'; frame-ancestors 'none'; form-action 'self'"
)


class Guard:
    """The filter."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str]) -> None:
        """Let requests through to `app` that name one of `hosts`, each with its port."""
        self.app, self.hosts = app, set(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse with one sentence."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        if problem := self._problem(scope):
            await PlainTextResponse(f"{problem[1]}\n", problem[0])(scope, receive, send)
            return
        left = MAX_UPLOAD if scope["path"] == UPLOAD else MAX_BODY

        async def bounded() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            return {"type": "http.disconnect"} if left < 0 else message

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = POLICY
                headers["Referrer-Policy"] = "no-referrer"
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        try:
            await self.app(scope, bounded, guarded)
        except (FnIndexInferError, KeyError) as error:  # gradio knows no such event, and has answered so
            progress.say(f"a request that the page does not send was refused ({printable(error)})")

    def _problem(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        if headers.get("host") not in self.hosts:
            return 403, "this page is for this machine alone: open it as http://127.0.0.1 with its port"
        origin = headers.get("origin")
        if origin is not None and origin.removeprefix("http://") not in self.hosts:
            return 403, "requests from other pages are refused"
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        if method not in NEEDED or not NEEDED[method].fullmatch(scope["path"]):
            return 404, "not found"
        limit = MAX_UPLOAD if scope["path"] == UPLOAD else MAX_BODY
        if int(headers.get("content-length") or 0) > limit:
            return 413, f"more than {limit:,} bytes: send fewer or smaller photos at once"
        return None
