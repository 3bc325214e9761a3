"""Parquet lists: columns of any type under the public names, whole and damaged."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from common.core.errors import UserError
from common.corpus import web
from tests.hostile.drawn import URLS, check_entry, damaged

ROWS = 40  # of a drawn table at most


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
    rows = draw(st.integers(1, ROWS))
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
