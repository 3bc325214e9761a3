"""Who may ask at all: owns the Host header, the token, the Content-Type, and how many ask at once.

A request is refused before its body is read.
"""

import hmac
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from commands.serve.protocol import RefusedError
from commands.serve.refusals import respond


class Guard:
    """Lets requests through to an application."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str] | None, token: str | None, requests: int) -> None:
        """Let nobody in yet.

        Args:
            app: what answers.
            hosts: names of a Host header that are let through, whatever the port; None for all.
            token: what clients send as ``Authorization: Bearer <token>``; None for nothing.
            requests: at once.

        """
        self.app, self.hosts, self.requests = app, hosts, requests
        self.expected = None if token is None else f"Bearer {token}".encode()
        self.inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif refusal := self._refusal(scope["method"], Headers(scope=scope)):
            await respond(refusal)(scope, receive, send)
        else:
            self.inside += 1
            try:
                await self.app(scope, receive, send)
            finally:
                self.inside -= 1

    def _refusal(self, method: str, headers: Headers) -> RefusedError | None:
        host = headers.get("host", "").lower()
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if self.hosts is not None and name not in self.hosts:
            return RefusedError(
                403, f"this server answers to {', '.join(self.hosts)} alone: use one of these names"
            )
        sent = headers.get("authorization", "").encode("latin-1")
        if self.expected is not None and not hmac.compare_digest(sent, self.expected):
            return RefusedError(
                401, "the API key is wrong or missing: send the server's token", "invalid_api_key"
            )
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if method == "POST" and kind != "application/json":  # browsers let no other page send this one
            return RefusedError(415, "the request has another Content-Type: send application/json")
        if self.inside >= self.requests:
            wait = {
                "Retry-After": "1"
            }  # seconds; an answer about a drawing takes less, one of a large model more
            return RefusedError(
                429,
                f"{self.inside} requests are being answered: ask again soon",
                "rate_limit_exceeded",
                **wait,
            )
        return None
