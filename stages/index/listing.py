"""Files that list pictures by their URLs: Parquet, COCO's JSON, Open Images' CSV.

Owns reading them. What their columns may be called is `corpus.corpus_entry`'s.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from common.core.errors import UserError
from common.core.progress import printable
from common.corpus.corpus_entry import NAMES, CorpusEntry, columns, entry
from stages.index import published_lists

UNREADABLE = (pa.ArrowException, OSError, ValueError, OverflowError, LookupError)  # of damaged or odd tables


def read(location: Path) -> tuple[list[CorpusEntry], set[str]]:
    """The entries of a list, or of all Parquet files in a folder, and which of our columns every file has."""
    files = sorted(location.glob("*.parquet")) if location.is_dir() else [location]
    if not files or not files[0].is_file():
        raise UserError(
            f"index.location: {location} is missing: name a Parquet file with a url column, a folder of "
            "such, COCO's captions as JSON, or Open Images' CSV"
        )
    entries: list[CorpusEntry] = []
    known = set(NAMES)
    for file in files:
        table = TABLES.get(file.suffix.lower(), _parquet)(file)
        named = columns(table.column_names)
        if "url" not in named:
            raise UserError(f"index.location: {file} needs a column {' or '.join(NAMES['url'])}")
        entries += rows(table)
        known &= set(named)
    if not entries:
        raise UserError(f"index.location: {location} needs at least one row")
    return entries, known


def _parquet(file: Path) -> pa.Table:
    """The columns that we know."""
    try:
        refuse_odd(file)
        table = pq.ParquetFile(file)
        return table.read(columns=list(columns(table.schema_arrow.names).values()))
    except UNREADABLE as error:
        raise UserError(
            f"index.location: {file} is not a Parquet file that can be read ({printable(error)})"
        ) from error


TABLES = {".json": published_lists.coco, ".csv": published_lists.csv}  # other names: Parquet


def refuse_odd(file: Path) -> None:
    """Raise OSError for what is no regular file, as a pipe, whose end nobody might see."""
    if not file.is_file():
        raise OSError("no regular file")


def rows(table: pa.Table) -> Iterator[CorpusEntry]:
    """The entries of a table."""
    by_name = {ours: values(table, theirs) for ours, theirs in columns(table.column_names).items()}
    for i in range(table.num_rows):
        yield entry({name: column[i] for name, column in by_name.items()})


def values(table: pa.Table, name: str) -> list[Any]:
    """The values of the first column of this name, as Python has them.

    Where one cannot be had so, its text with bytes that are no UTF-8 replaced stands for it, or else None.
    """
    column = table.column(table.column_names.index(name))
    try:
        return column.to_pylist()
    except UNREADABLE:
        return [_value(one) for one in column]


def _value(scalar: pa.Scalar) -> Any:
    try:
        return scalar.as_py()
    except UNREADABLE:
        if isinstance(scalar, (pa.ListScalar, pa.LargeListScalar)):
            return [_value(one) for one in scalar.values or []]
        if isinstance(scalar, pa.DictionaryScalar):
            return _value(scalar.value)
        texts = (pa.StringScalar, pa.LargeStringScalar, pa.StringViewScalar)
        return scalar.as_buffer().to_pybytes() if isinstance(scalar, texts) else None
