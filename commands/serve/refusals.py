"""What went wrong as what a client is told: owns statuses, and no reason of its own."""

from collections.abc import Callable
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from commands.serve.protocol import RefusedError
from common.core.errors import UserError

REFUSALS: dict[type[Exception], Callable[[Any], RefusedError]] = {
    RefusedError: lambda error: error,
    UserError: lambda error: RefusedError(400, str(error)),
    TimeoutError: lambda error: RefusedError(
        504, "the answer took too long: ask for fewer tokens", "timeout"
    ),
    ClientDisconnect: lambda error: RefusedError(499, "the client has left"),  # which nobody reads
    HTTPException: lambda error: RefusedError(
        error.status_code, f"{error.detail}: ask POST /v1/chat/completions"
    ),
}


def refused(error: Exception) -> RefusedError:
    """One of REFUSALS as a refusal."""
    return next(refusal(error) for kind, refusal in REFUSALS.items() if isinstance(error, kind))


def respond(refusal: RefusedError) -> JSONResponse:
    """A refusal as a response; what is left of the request's body is not read."""
    return JSONResponse(refusal.body, refusal.status, headers=refusal.headers | {"Connection": "close"})


async def handle(request: Request, error: Exception) -> JSONResponse:
    """Answer a request that raised one of REFUSALS."""
    return respond(refused(error))
