"""The HTTP application: owns routes, limits of size and time, and what happens when a client leaves."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from commands.serve import question as questions
from commands.serve.answers import Answers, Stream, unless_gone
from commands.serve.guard import Guard
from commands.serve.protocol import ChatRequest, RefusedError, Replies, model_row
from commands.serve.question import ChatQuestion
from commands.serve.refusals import REFUSALS, handle
from commands.serve.scheduler import Scheduler
from common.assistant import Assistant
from common.core.foreign import FormError, parsed
from common.vlm.families import INTERLEAVED


@dataclass(frozen=True)
class ServerLimits:
    """How much the server takes on; what each means stands in params.yaml under serve."""

    requests: int
    conversations: int
    request_mb: float
    timeout_s: float
    stop_s: int
    batch_size: int

    @property
    def max_bytes(self) -> int:
        """Of a request's body."""
        return int(self.request_mb * 2**20)


def serve(
    assistant: Assistant,
    limits: ServerLimits,
    place: socket.socket,
    hosts: Sequence[str] | None,
    token: str | None,
    folder: Path | None,
) -> str:
    """Load the base and answer until SIGINT or SIGTERM; return what was done, as words.

    `place` listens; the other arguments are those of `Guard` and `question.read`.
    """
    service = Service(assistant, limits, folder)
    server = service.server(hosts, token)
    host, port = place.getsockname()[:2]
    print(f"answering at http://{f'[{host}]' if ':' in host else host}:{port}/v1; Ctrl-C ends", flush=True)
    for number in (signal.SIGINT, signal.SIGTERM):  # which uvicorn sends again when it has ended
        signal.signal(number, lambda *_: None)
    server.run(sockets=[place])
    return f"{service.answered} requests answered"


class Service:
    """The application and what it works with."""

    def __init__(self, assistant: Assistant, limits: ServerLimits, folder: Path | None) -> None:
        """Load the base, and see that all methods can be opened."""
        self.assistant, self.limits, self.folder = assistant, limits, folder
        self.fingerprint = assistant.base.fingerprint
        self.several = assistant.base.model.config.model_type in INTERLEAVED
        for method in assistant.titles:
            assistant.method(method)
        self.answered = 0
        self.reader = ThreadPoolExecutor(1, "reader")  # one decoded photo at a time
        self.app = FastAPI(lifespan=self._running, openapi_url=None)
        self.app.get("/v1/models")(self.models)
        self.app.get("/v1/models/{name:path}")(self.model)
        self.app.post("/v1/chat/completions")(self.completions)
        for kind in REFUSALS:
            self.app.exception_handler(kind)(handle)

    def server(self, hosts: Sequence[str] | None, token: str | None) -> uvicorn.Server:
        """What answers on a socket; arguments as of `Guard`."""
        config = uvicorn.Config(
            Guard(self.app, hosts, token, self.limits.requests),
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
            timeout_graceful_shutdown=self.limits.stop_s,
        )
        return uvicorn.Server(config)

    @asynccontextmanager
    async def _running(self, app: FastAPI) -> AsyncIterator[None]:
        limits = self.limits
        self.scheduler = Scheduler(self.assistant, limits.conversations, limits.batch_size)
        try:
            yield
        finally:
            await asyncio.to_thread(self.scheduler.close)
            self.reader.shutdown()
            self.answered = self.scheduler.answered

    async def models(self) -> JSONResponse:
        """All that can be asked."""
        rows = [model_row(name) for name in questions.models(self.assistant)]
        return JSONResponse({"object": "list", "data": rows})

    async def model(self, name: str) -> JSONResponse:
        """One that can be asked; a refusal if it cannot."""
        questions.named(name, self.assistant)
        return JSONResponse(model_row(name))

    async def completions(self, request: Request) -> Response:
        """Answer the last message; as a stream, if that is wanted, as soon as there is a first word."""
        end = asyncio.get_running_loop().time() + self.limits.timeout_s
        async with asyncio.timeout_at(end):
            data = await self._body(request)
            reading = asyncio.get_running_loop().run_in_executor(self.reader, self._read, data)
            form, question = await reading
            answers = Answers(self.scheduler, question)
            replies = Replies(form.model, self.fingerprint, form.top_logprobs or 0 if form.logprobs else None)
            try:
                wanted = answers.next() if question.stream else answers.whole()
                said = await unless_gone(request, wanted)
            except BaseException:
                answers.leave()
                raise
        if question.stream:
            return Stream(answers, replies, said, end)
        return JSONResponse(replies.completion(said))

    async def _body(self, request: Request) -> bytes:
        """All bytes of the body; refused as soon as they are too many."""
        too_large = RefusedError(
            413, f"the request has more than {self.limits.request_mb:g} MB: send a smaller photo"
        )
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > self.limits.max_bytes:
            raise too_large
        data = bytearray()
        async for chunk in request.stream():
            data += chunk
            if len(data) > self.limits.max_bytes:
                raise too_large
        return bytes(data)

    def _read(self, data: bytes) -> tuple[ChatRequest, ChatQuestion]:
        try:
            form = parsed(data, ChatRequest)
        except FormError as error:
            raise RefusedError(400, f"the request is no chat completion ({error}): mend it") from None
        return form, questions.read(form, self.assistant, self.folder, several=self.several)
