"""Answers on their way to a client: owns waiting for the scheduler, streams, and clients that leave."""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from commands.serve.protocol import Replies, ServedAnswer
from commands.serve.question import ChatQuestion
from commands.serve.refusals import REFUSALS, refused
from commands.serve.scheduler import ScheduledQuestion, Scheduler

T = TypeVar("T")


class Answers:
    """What the scheduler says to one question, as it comes."""

    def __init__(self, scheduler: Scheduler, question: ChatQuestion) -> None:
        """Ask."""
        loop, self._said = asyncio.get_running_loop(), asyncio.Queue()
        self.job = ScheduledQuestion(
            question, lambda said: loop.call_soon_threadsafe(self._said.put_nowait, said)
        )
        scheduler.submit(self.job)

    async def next(self) -> ServedAnswer:
        """The answer when it has grown; raises what went wrong."""
        said = await self._said.get()
        if isinstance(said, Exception):
            raise said
        return said

    async def whole(self) -> ServedAnswer:
        """The whole answer."""
        while (said := await self.next()).finish is None:
            pass
        return said

    def leave(self) -> None:
        """Wait no more: the answer ends where it is."""
        self.job.left.set()


class Stream(StreamingResponse):
    """An answer as server-sent events."""

    def __init__(self, answers: Answers, replies: Replies, said: ServedAnswer, end: float) -> None:
        """Begin with what was said; `end` is when the time is up, in the loop's seconds."""
        super().__init__(self._events(answers, replies, said, end), media_type="text/event-stream")
        self.answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; a client that leaves ends the answer."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.answers.leave()

    async def _events(
        self, answers: Answers, replies: Replies, said: ServedAnswer, end: float
    ) -> AsyncIterator[str]:
        shown = ""
        first = True
        try:
            while True:
                new = said.text[len(shown) :] if said.text.startswith(shown) else ""
                if new or first or said.finish:
                    yield _event(replies.chunk(said, new, first=first))
                    shown, first = shown + new, False
                if said.finish:
                    break
                async with asyncio.timeout_at(end):
                    said = await answers.next()
        except tuple(REFUSALS) as error:
            yield _event(refused(error).body)
        yield "data: [DONE]\n\n"


def _event(value: Any) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Wait for work, or raise ClientDisconnect when the client leaves before; the body has been read."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(gone())
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientDisconnect
    finally:
        working.cancel()
        leaving.cancel()
