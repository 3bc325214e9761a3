"""What comes over the network: addresses to ask, and what servers and services answer."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from hypothesis import strategies as st
from pydantic import BaseModel

from common.core import foreign
from common.core.connection import is_global
from common.core.replies import NoReplyError, ask
from common.corpus import web
from common.corpus.corpus_entry import from_service
from tests.hostile import picture, raw
from tests.hostile.drawn import LIMITS, NUMBERS, URLS, WORDS, check_entry, damaged, like, written


def addresses(url: str) -> None:
    """An address is ASCII without spaces and stays what it was when it is encoded again, or is counted."""
    try:
        found = web.encoded(url)
    except web.Unusable as failure:
        assert str(failure) == "bad url"
        return
    assert found.isascii() and not set(found) & set(" \t\r\n")
    assert web.encoded(found) == found
    (result,) = web.fetch([url], replace(LIMITS, timeout_s=0.2), threads=1)
    assert isinstance(result, web.Unusable)  # names of nobody, or of this machine


def numbers_of_this_machine(number: int) -> None:
    """No notation of an address of this machine or its network is reached."""
    octets = number.to_bytes(4)
    dotted = ".".join(map(str, octets))
    if is_global(dotted):
        return
    three = f"{octets[0]}.{octets[1]}.{int.from_bytes(octets[2:])}"
    names = [dotted, str(number), hex(number), oct(number).replace("o", ""), three, f"[::ffff:{dotted}]"]
    found = web.fetch([f"http://{name}/a.png" for name in names], replace(LIMITS, timeout_s=0.2), threads=1)
    assert {str(result) for result in found} <= {"local address", "host not found", "bad url"}, names


TOKEN = like({"token": WORDS, "logprob": st.floats()})
PLACE = like({"top_logprobs": st.lists(TOKEN, max_size=2)})
CHOICE = like(
    {
        "message": like({"content": WORDS, "refusal": WORDS}),
        "logprobs": like({"content": st.lists(PLACE, max_size=2)}),
    }
)
completions = written(
    like({"choices": st.lists(CHOICE, max_size=2), "usage": like({"prompt_tokens": NUMBERS})})
)
found_rows = written(
    st.lists(
        like({"id": NUMBERS, "similarity": NUMBERS, "url": URLS, "caption": WORDS, "punsafe": NUMBERS}),
        max_size=4,
    )
)


def endpoint_replies(data: bytes) -> None:
    """A chat completion gives text and finite probabilities that sum to one, or is refused."""
    from common.methods.endpoint.chat import probabilities, reply

    try:
        said = reply(data)
    except foreign.FormError as error:
        assert "\x1b" not in str(error)
        return
    shares = probabilities(said.first, ("Yes", "No"))
    assert said.prompt_tokens >= 0 and (not shares or abs(sum(shares) - 1) < 1e-6)
    json.dumps(said.model_dump(), allow_nan=False).encode()


def service_replies(data: bytes) -> None:
    """A result has a row's number and a finite cosine, and its metadata can be written, or is refused."""
    from stages.retrieve.service import Found

    try:
        rows = foreign.parsed(data, list[Found])
    except foreign.FormError:
        return
    for row in rows:
        assert row.id >= 0 and -1.01 <= row.similarity <= 1.01
        check_entry(from_service(row.model_extra))


@st.composite
def responses(draw: Callable) -> bytes:
    """What a server may send in place of a response: wrong heads, sizes, encodings, chunks, and noise."""
    body = draw(st.sampled_from([picture(1), b"[]", b"{}", b""]) | st.binary(max_size=50))
    name = st.sampled_from(
        [
            "Content-Length",
            "Transfer-Encoding",
            "Content-Encoding",
            "X-Robots-Tag",
            "Location",
            "Retry-After",
            "X",
        ]
    )
    value = (
        st.sampled_from(["-1", "9" * 5000, "chunked", "gzip", "noai", "http://[", "/a", "nan", "1e999"])
        | WORDS
    )
    status = draw(
        st.sampled_from(
            ["200 OK", "302 Found", "429 Slow", "100 Continue", "999", "-1 x", "x", "200 \x1b[2J"]
        )
    )
    lines = [f"{one}: {other}" for one, other in draw(st.lists(st.tuples(name, value), max_size=4))]
    head = "\r\n".join([f"HTTP/1.{draw(st.integers(0, 9))} {status}", *lines, "", ""])
    return damaged(draw, head.encode("utf-8", "replace") + body)


def http_responses(data: bytes) -> None:
    """Whatever a server sends is a picture, a reply, or a failure with a short name."""
    with raw.server() as host:
        host.answer = data
        (result,) = web.fetch([f"{host.url}/a"], replace(LIMITS, allowed=("127.0.0.1",)), threads=1)
        assert len(str(result)) < 40 or isinstance(result, web.CorpusImage)
        with suppress(NoReplyError):
            assert len(ask(host.url, {}, 1.0, 1000).data) <= 1000


class Row(BaseModel):
    """A form with nested parts, for JSON of any depth."""

    a: list["Row"] = []
    b: dict[str, float] = {}


def json_bounds(data: bytes) -> None:
    """The reader gives the form or refuses, whatever the bytes."""
    with suppress(foreign.FormError):
        assert isinstance(foreign.parsed(data, Row, 10**6), Row)


DEEP = st.tuples(st.sampled_from([b"[", b'{"a":[', b'{"b":{"', b'{"":']), st.integers(1, 10**5)).map(
    lambda drawn: (drawn[0] * drawn[1])[: 10**5]
)
