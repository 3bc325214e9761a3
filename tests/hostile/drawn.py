"""What hostile inputs are drawn from: odd words, numbers, JSON and addresses, and ways to damage a file."""

import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from common.corpus import web
from common.corpus.corpus_entry import CorpusEntry

LIMITS = web.DownloadLimits(1.0, 0, 10**6, 10**6, 64, 2, 10, per_host=4, agent="personal-vlm/test")
WORDS = st.text(max_size=30) | st.sampled_from(
    [
        "<sks>",
        "<bo>",
        "<Bo>",
        "<rex>",
        "../../x",
        "/etc/passwd",
        "00.png",
        "",
        "\0",
        "\x1b[2J",
        "A",
        "yes",
        "human",
    ]
)
NUMBERS = st.integers(-(2**70), 2**70) | st.floats()
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)
URLS = st.tuples(
    st.sampled_from(["http://", "https://", "HTTP://", " http://", "http:/", "ftp://", "file:///", "//", ""]),
    st.sampled_from(["", "user:pass@", "@", "a@b@", "%00@"]) | WORDS,
    st.sampled_from(["a.example", "[::1]", "[", "127.1", "0x7f000001", "bücher.example", "a..b", "a" * 300])
    | WORDS,
    st.sampled_from(["", ":80", ":", ":99999", ":-1", ":x", ":٣"]),
    WORDS.map("/{}".format),
).map("".join)


def like(form: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Objects that are nearly of this form: values of these, or others, or none."""
    return st.fixed_dictionaries(
        {}, optional={name: (value if isinstance(value, st.SearchStrategy) else st.just(value)) | JSON
                      for name, value in form.items()},
    )  # fmt: skip


@st.composite
def written(draw: Callable, value: st.SearchStrategy[Any]) -> bytes:
    """JSON as it is found: with a mark, in Latin-1, cut off, with a byte changed, or as it should be."""
    text = json.dumps(draw(value), ensure_ascii=draw(st.booleans()))
    data = text.encode(draw(st.sampled_from(["utf-8", "utf-8-sig", "latin-1", "utf-16"])), "replace")
    return damaged(draw, data)


def damaged(draw: Callable, data: bytes) -> bytes:
    """The bytes, one of five times with some changed or missing."""
    if not data or draw(st.integers(0, 4)):
        return data
    place, whole = draw(st.integers(0, len(data) - 1)), bytearray(data)
    if draw(st.booleans()):
        return bytes(whole[:place])
    whole[place] = draw(st.integers(0, 255))
    return bytes(whole)


def check_entry(entry: CorpusEntry) -> None:
    """What the index's table can hold."""
    pa.array([entry.punsafe], pa.float32())
    for value in filter(None, entry[:4]):
        value.encode()
