"""Requests to the server: owns retries, time limits, how many run at once, and what is said when it fails.

Tries again what may pass (no connection, time-outs, 408, 409, 429, 5xx, a reply that is no JSON), waiting
longer each time or as long as the server asks; anything else ends the run at once. The key is read from the
environment when first needed and goes into a header alone.
"""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Annotated, NamedTuple

from pydantic import BaseModel, BeforeValidator

from common.core import foreign, replies
from common.core.connection import retry_after
from common.core.errors import UserError
from common.core.progress import bar, printable
from common.methods.endpoint import cache
from common.methods.endpoint.chat import Reply, reply

PASSING = {408, 409, 425, 429}
MAX_BYTES = 10_000_000  # of a reply
MAX_WAIT_S = 120.0  # however long the server asks to wait


class RequestLimits(NamedTuple):
    """How patient a client is."""

    timeout_s: float  # for a whole exchange, to the last byte of the reply
    retries: int  # further attempts
    backoff_s: float  # before the first of them; twice as long before each next
    concurrency: int  # requests at once


class PassingError(Exception):
    """A failure that may pass; `wait_s` is what the server asks for, None if it says nothing."""

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class Problem(BaseModel):
    """A server's complaint."""

    message: Annotated[str, BeforeValidator(str)]


class Complaint(BaseModel):
    """The reply that holds it."""

    error: Problem


class Client:
    """One server, as a section of params.yaml names it."""

    def __init__(self, url: str, key_variable: str | None, limits: RequestLimits, section: str) -> None:
        self.url = f"{url.rstrip('/')}/chat/completions"
        self.shown = replies.shown(self.url)
        self.key_variable, self.limits, self.section = key_variable, limits, section

    def ask_all(self, bodies: Sequence[dict], title: str) -> list[Reply]:
        """Replies to all requests, in order; equal ones are sent once. `title` is that of the progress bar.

        Raises UserError at the first request that fails for good; those not begun are given up.
        """
        places = [cache.place(self.url, body) for body in bodies]
        waiting = {place: body for place, body in zip(places, bodies, strict=True) if not place.is_file()}
        if waiting:
            key, failed = self._key(), Event()
            with ThreadPoolExecutor(self.limits.concurrency) as pool:
                jobs = [
                    pool.submit(self._ask_unless, failed, place, body, key) for place, body in waiting.items()
                ]
                try:
                    for job in bar(jobs, title):
                        job.result()
                except BaseException:
                    pool.shutdown(cancel_futures=True)
                    raise
        return [cache.get(place) for place in places]

    def _ask_unless(self, failed: Event, place: Path, body: dict, key: str | None) -> None:
        """Ask, unless another request failed; the pool alone would begin some more before it is told."""
        if failed.is_set():
            return
        try:
            self._ask(place, body, key)
        except BaseException:
            failed.set()
            raise

    def _ask(self, place: Path, body: dict, key: str | None) -> None:
        for attempt in range(self.limits.retries + 1):
            try:
                cache.put(place, self._once(body, key))
                return
            except PassingError as failure:
                reason = failure
            if attempt < self.limits.retries:
                wait = self.limits.backoff_s * 2**attempt if reason.wait_s is None else reason.wait_s
                time.sleep(min(wait, MAX_WAIT_S))
        raise UserError(
            f"{self.shown} failed {self.limits.retries + 1} times, at last with: {reason}. See that the "
            f"server is up, or change {self.section}.url, timeout_s or retries; a rerun goes on where it "
            "stopped"
        )

    def _once(self, body: dict, key: str | None) -> Reply:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            status, told, data = replies.ask(self.url, body, self.limits.timeout_s, MAX_BYTES, headers)
        except replies.NoReplyError as error:
            raise PassingError(str(error)) from None
        if status in PASSING or status >= 500:
            raise PassingError(f"HTTP {status}", retry_after(told["Retry-After"]))
        if status != 200:
            said = _said(data, key)
            raise UserError(f"{self.shown} refused ({status}: {said}): {self._remedy(status)}")
        try:
            return reply(data)
        except foreign.FormError:
            raise PassingError("its reply is no chat completion") from None

    def _key(self) -> str | None:
        if self.key_variable is None:
            return None
        key = os.environ.get(self.key_variable, "").strip()
        if not key.isascii() or not key.isprintable() or " " in key:
            raise UserError(
                f"the environment variable {self.key_variable} holds a line break or another letter that no "
                "key has: put the server's key there, and nothing else"
            )
        if not key:
            raise UserError(
                f"the environment variable {self.key_variable} is not set: put the server's key there, or "
                f"set {self.section}.key_variable to null for a server without one"
            )
        return key

    def _remedy(self, code: int) -> str:
        if code in (401, 403):
            where = self.key_variable or "a variable that key_variable names"
            return f"check the key in {where}"
        if code in (301, 302, 307, 308, 404, 405):
            return f"check {self.section}.url, which ends in /v1 for most servers, and {self.section}.model"
        return f"check {self.section}; a server without log probabilities needs logprobs: null"


def _said(data: bytes, key: str | None) -> str:
    """The first words of a server's complaint, on one line, without the key, which some servers repeat."""
    try:
        text = foreign.parsed(data, Complaint).error.message
    except foreign.FormError:
        text = data.decode(errors="replace")
    return printable(text.replace(key or "\0", "…")) or "no reason given"
