"""Requests to the server: owns retries, time limits, how many run at once, and what is said when it fails.

Tries again what may pass (no connection, time-outs, 408, 409, 429, 5xx, a reply that is no JSON), waiting
longer each time or as long as the server asks; anything else ends the run at once. The key is read from the
environment when first needed and goes into a header alone.
"""

import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import requests

from stages.core.errors import UserError
from stages.core.progress import bar
from stages.methods.endpoint import cache
from stages.methods.endpoint.chat import Reply, reply

PASSING = {408, 409, 425, 429}
MAX_BYTES = 10_000_000  # of a reply
MAX_WAIT_S = 120.0  # however long the server asks to wait
PIECE = 65_536


class Limits(NamedTuple):
    """How patient a client is."""

    timeout_s: float  # without a byte from the server
    retries: int  # further attempts
    backoff_s: float  # before the first of them; twice as long before each next
    concurrency: int  # requests at once


class PassingError(Exception):
    """A failure that may pass; `wait_s` is what the server asks for, None if it says nothing."""

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class _Bearer(requests.auth.AuthBase):
    """The key, or nothing: with an auth object, requests does not look into ~/.netrc for one."""

    def __init__(self, key: str | None) -> None:
        self.key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self.key:
            request.headers["Authorization"] = f"Bearer {self.key}"
        return request


class Client:
    """One server, as a section of params.yaml names it."""

    def __init__(self, url: str, key_variable: str | None, limits: Limits, section: str) -> None:
        self.url = f"{url.rstrip('/')}/chat/completions"
        self.key_variable, self.limits, self.section = key_variable, limits, section

    def ask_all(self, bodies: Sequence[dict], title: str) -> list[Reply]:
        """Replies to all requests, in order; equal ones are sent once. `title` is that of the progress bar.

        Raises UserError at the first request that fails for good; those not begun are given up.
        """
        places = [cache.place(self.url, body) for body in bodies]
        waiting = {place: body for place, body in zip(places, bodies, strict=True) if not place.is_file()}
        if waiting:
            auth = _Bearer(self._key())
            with ThreadPoolExecutor(self.limits.concurrency) as pool:
                jobs = [pool.submit(self._ask, place, body, auth) for place, body in waiting.items()]
                try:
                    for job in bar(jobs, title):
                        job.result()
                except BaseException:
                    pool.shutdown(cancel_futures=True)
                    raise
        return [cache.get(place) for place in places]

    def _ask(self, place: Path, body: dict, auth: _Bearer) -> None:
        for attempt in range(self.limits.retries + 1):
            try:
                cache.put(place, self._once(body, auth))
                return
            except PassingError as failure:
                reason = failure
            if attempt < self.limits.retries:
                wait = self.limits.backoff_s * 2**attempt if reason.wait_s is None else reason.wait_s
                time.sleep(min(wait, MAX_WAIT_S))
        raise UserError(
            f"{self.url} failed {self.limits.retries + 1} times, at last with: {reason}. See that the server "
            f"is up, or change {self.section}.url, timeout_s or retries; a rerun goes on where it stopped"
        )

    def _once(self, body: dict, auth: _Bearer) -> Reply:
        try:
            with requests.post(
                self.url,
                json=body,
                auth=auth,
                timeout=self.limits.timeout_s,
                stream=True,
                allow_redirects=False,
            ) as response:
                data = b""
                for piece in response.iter_content(PIECE):
                    data += piece
                    if len(data) > MAX_BYTES:
                        raise PassingError("its reply is too large")
        except requests.Timeout:
            raise PassingError("timed out") from None
        except requests.RequestException as error:
            raise PassingError(f"no connection: {type(error).__name__}") from None
        code = response.status_code
        if code in PASSING or code >= 500:
            raise PassingError(f"HTTP {code}", _seconds(response.headers.get("Retry-After")))
        if code != 200:
            said = _said(data).replace(auth.key or "\0", "…")  # some servers repeat the key
            raise UserError(f"{self.url} refused ({code}: {said}): {self._remedy(code)}")
        try:
            return reply(json.loads(data))
        except (LookupError, TypeError, ValueError, AttributeError):
            raise PassingError("its reply is no chat completion") from None

    def _key(self) -> str | None:
        if self.key_variable is None:
            return None
        key = os.environ.get(self.key_variable)
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


def _seconds(header: str | None) -> float | None:
    """The seconds of a Retry-After header; None for a date or nothing."""
    try:
        return max(0.0, float(header))
    except (TypeError, ValueError):
        return None


def _said(data: bytes) -> str:
    """The first words of a server's complaint, on one line."""
    text = data.decode(errors="replace")
    with suppress(LookupError, TypeError, ValueError):
        text = json.loads(text)["error"]["message"]
    return " ".join(str(text).split())[:200] or "no reason given"
