"""Hostile inputs by kind, made by hypothesis: what must hold of each, and a count of what did.

A kind is a function from drawn data to nothing. It must end well or with the one error that its reader
documents; any other exception, or a broken promise about the result, is a failure. Owns the kinds that need
no model; what a stage as a whole does is tested in tests/stages.
"""

import json
import os
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from stages.core import foreign, io, paths, schema, truth, web
from stages.core.connection import is_global
from stages.core.errors import UserError
from stages.core.general import load_general
from stages.core.listed import Listed, answered
from stages.core.replies import NoReplyError, ask
from tests.hostile import picture, raw

TOP = 40  # entries of a drawn list or table at most
LIMITS = web.Limits(1.0, 0, 10**6, 10**6, 64, 2, 10, per_host=4, agent="personal-vlm/test")
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


@dataclass
class Count:
    """How a kind did; `examples` are failures with their inputs."""

    tried: int = 0
    failed: int = 0
    examples: list[str] = field(default_factory=list)


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


# --- Parquet lists ---------------------------------------------------------------------------------------


def column(rows: int) -> st.SearchStrategy[pa.Array]:
    """A column of any type, some with bytes that are no UTF-8."""
    sized = {"min_size": rows, "max_size": rows}
    texts = st.lists(
        st.none() | st.binary(max_size=9) | URLS.map(lambda url: url.encode("utf-8", "replace")), **sized
    )
    return st.one_of(
        texts.map(lambda values: pa.array(values, pa.binary()).view(pa.string())),
        texts.map(lambda values: pa.array(values, pa.large_binary())),
        st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), **sized).map(
            lambda v: pa.array(v, pa.int64())
        ),
        st.lists(st.none() | st.integers(-(10**15), 10**15), **sized).map(
            lambda values: pa.array(values, pa.timestamp("s"))
        ),
        st.lists(st.none() | st.floats(), **sized).map(lambda values: pa.array(values, pa.float64())),
        st.lists(st.none() | st.booleans(), **sized).map(lambda values: pa.array(values, pa.bool_())),
        st.lists(st.lists(st.binary(max_size=5), max_size=3), **sized).map(
            lambda values: pa.array(values, pa.list_(pa.binary()))
        ),
        st.lists(st.fixed_dictionaries({"a": st.none() | st.integers(0, 9)}), **sized).map(
            lambda values: pa.array(values, pa.struct([("a", pa.int64())]))
        ),
    )


@st.composite
def tables(draw: Callable) -> tuple[int | None, bytes]:
    """A Parquet file, and its rows if it is whole and has addresses."""
    rows = draw(st.integers(1, TOP))
    name = st.sampled_from(
        ["url", "URL", "image_url", "caption", "TEXT", "license", "hash", "punsafe", "NSFW"]
    )
    names = draw(st.lists(name, min_size=1, max_size=6))
    table = pa.Table.from_arrays([draw(column(rows)) for _ in names], names)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    good = sink.getvalue().to_pybytes()
    data = damaged(draw, good)
    has_url = {"url", "image_url"} & {name.lower() for name in names}
    return (rows if data == good and has_url else None), data


def parquet_lists(data: tuple[int | None, bytes]) -> None:
    """A whole list gives an entry for every row, of texts that can be written and numbers that are finite."""
    from stages.index import listing

    rows, content = data
    Path("list.parquet").write_bytes(content)
    try:
        entries, _ = listing.read(Path("list.parquet"))
    except UserError as error:
        assert rows is None, error
        return
    assert rows in (None, len(entries))
    for entry in entries:
        check_entry(entry)
        with suppress(web.Unusable):
            assert web.encoded(entry.url or "").isascii()


def check_entry(entry: Listed) -> None:
    """What the index's table can hold."""
    pa.array([entry.punsafe], pa.float32())
    for value in filter(None, entry[:4]):
        value.encode()


# --- JSON that people import -----------------------------------------------------------------------------

TURN = like({"Human": WORDS, "AI": WORDS})
ROLE = written(st.dictionaries(WORDS, st.lists(TURN, max_size=2), max_size=2))
SAID = like({"from": st.sampled_from(["human", "gpt"]), "value": WORDS})
ITEM = like({"image": WORDS, "conversations": st.lists(SAID, max_size=4)})
PAIR = st.lists(WORDS, min_size=2, max_size=2)
FORMATS = {  # format of stages.convert, files in the folder that is read → strategies of their content
    "llava": {"a.json": written(st.lists(ITEM, max_size=4))},
    "jsonl": {
        "question.jsonl": written(like({"question_id": 1, "image": WORDS, "text": WORDS, "category": WORDS})),
        "answer.jsonl": written(like({"question_id": 1, "text": WORDS})),
    },
    "myvlm": {
        "captions.json": written(st.dictionaries(WORDS, st.lists(WORDS, max_size=3), max_size=3) | JSON),
        "additional_llava_vqa_data.json": written(
            st.dictionaries(WORDS, st.lists(PAIR, max_size=2), max_size=2) | JSON
        ),
    },
    "yollava": {
        f"training-data/bo/{role}.json": ROLE
        for role in ("positive_recognition", "negative_recognition-laion", "text-only-conversation")
    },
}
BENCHMARKS = {
    "pope.json": written(
        like({"question_id": 1, "image": WORDS, "text": WORDS, "label": "yes", "category": WORDS})
    ),
    "together.json": written(st.lists(like({"image": WORDS, "left": WORDS, "right": WORDS}), max_size=3)),
}
imports = st.one_of(
    *(st.tuples(st.just(name), st.fixed_dictionaries(files)) for name, files in FORMATS.items()),
    st.tuples(st.just("benchmarks"), st.fixed_dictionaries(BENCHMARKS)),
)


def json_imports(data: tuple[str, dict[str, bytes]]) -> None:
    """Files are read or refused in a sentence; the conversations stay whole, and nothing outside changes."""
    from stages.convert import formats
    from stages.convert.job import Job

    name, files = data
    for file, content in files.items():
        place = Path("in", file)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    kept, outside = paths.conversations("bo"), Path("secret.txt").read_bytes()
    if not kept.exists():
        io.write_parquet(kept, [], schema.CONVERSATIONS, ["photo", "turn"])
    path = Path("in/a.json") if name == "llava" else Path("in")
    try:
        if name == "benchmarks":
            load_general(Path("in"))
            truth.load_together(Path("in"))
        else:
            job = Job("bo", "pet", Path("photos"), path, "base", "", no_model)
            formats.FORMATS[name].read(job)
    except UserError as error:
        assert "\x1b" not in str(error)
    for row in io.read_parquet(kept, schema.CONVERSATIONS).to_pylist():
        assert "<rex>" not in row["question"] + row["answer"] and foreign.UNKNOWN not in row["answer"]
        assert row["photo"] is None or Path(row["photo"]).name == row["photo"]
    assert Path("secret.txt").read_bytes() == outside
    for file in files:
        Path("in", file).unlink()


def no_model() -> Any:
    """No format that is read here needs one."""
    raise AssertionError


# --- .pt -------------------------------------------------------------------------------------------------


@st.composite
def tensors(draw: Callable) -> bytes:
    """What torch.save makes of a tensor of any shape, type, layout and strides, or of something else."""
    import torch

    shape = draw(st.lists(st.integers(0, 40), min_size=0, max_size=3))
    kind = draw(
        st.sampled_from(
            [torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.bool, torch.complex64]
        )
    )
    value = draw(st.sampled_from([0.0, 1.0, -1e300, float("nan"), float("inf"), 1e38]))
    rows: Any = torch.zeros(shape, dtype=kind)
    if kind.is_floating_point:
        rows = rows + value
    change = draw(
        st.sampled_from(["none", "expand", "sparse", "transpose", "meta", "dict", "list", "parameter"])
    )
    if change == "expand":
        rows = torch.zeros(1, 1, dtype=kind).expand(draw(st.integers(1, 10**6)), draw(st.integers(1, 10**4)))
    elif change == "sparse":
        rows = rows.to_sparse() if rows.ndim else rows
    elif change == "transpose":
        rows = rows.T if rows.ndim == 2 else rows
    elif change == "meta":
        rows = rows.to("meta")
    elif change == "parameter" and kind.is_floating_point:
        rows = torch.nn.Parameter(rows)
    rows = {"rows": rows} if change == "dict" else [rows] if change == "list" else rows
    torch.save(rows, "drawn.pt", _use_new_zipfile_serialization=draw(st.integers(0, 9)) > 0)
    return damaged(draw, Path("drawn.pt").read_bytes())


def token_files(data: bytes) -> None:
    """A file gives finite float32 rows, few enough, or a sentence."""
    import torch

    from stages.convert import tokens

    Path("a-token.pt").write_bytes(data)
    try:
        rows = tokens._finite(Path("a-token.pt"), tokens._load(Path("a-token.pt")))
    except UserError:
        return
    assert rows.dtype == torch.float32 and rows.ndim == 2 and 0 < len(rows) <= tokens.MAX_ROWS
    assert rows.isfinite().all() and rows.is_contiguous()
    assert zipfile.ZipFile("a-token.pt").testzip() is None


# --- addresses -------------------------------------------------------------------------------------------


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


# --- replies ---------------------------------------------------------------------------------------------

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
    from stages.methods.endpoint.chat import probabilities, reply

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
        check_entry(answered(row.model_extra))


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
        assert len(str(result)) < 40 or isinstance(result, web.Picture)
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
KINDS: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], None]]] = {
    "Parquet lists": (tables(), parquet_lists),
    "JSON imports": (imports, json_imports),
    ".pt files": (tensors(), token_files),
    "addresses": (URLS, addresses),
    "addresses of this machine": (st.integers(0, 2**32 - 1), numbers_of_this_machine),
    "endpoint replies": (completions, endpoint_replies),
    "service replies": (found_rows, service_replies),
    "HTTP responses": (responses(), http_responses),
    "JSON bounds": (st.binary(max_size=100) | DEEP | written(JSON), json_bounds),
}


def run(kind: str, examples: int) -> Count:
    """Try a kind on so many inputs, the same ones each time, in the current folder, which is written to."""
    strategy, prove = KINDS[kind]
    count = Count()

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def each(drawn: Any) -> None:
        count.tried += 1
        try:
            prove(drawn)
        except Exception as error:
            count.failed += 1
            count.examples.append(f"{type(error).__name__}: {error}\n{drawn!r}"[:2000])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        each()
    return count


@contextmanager
def prepared(folder: Path) -> Iterator[None]:
    """Go to a folder with what the kinds need: photos, and a file that must not change."""
    before = Path.cwd()
    (folder / "photos").mkdir(parents=True)
    (folder / "photos/00.png").write_bytes(picture(1))
    (folder / "in/images").mkdir(parents=True)
    (folder / "in/images/00.png").write_bytes(picture(2))
    (folder / "in/00.png").write_bytes(picture(3))
    (folder / "secret.txt").write_text("secret")
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
