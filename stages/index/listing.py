"""Parquet files that list pictures by their URLs.

Owns reading them. What their columns may be called is `core.listed`'s.
"""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from stages.core.errors import UserError
from stages.core.listed import NAMES, Listed, columns


def read(location: Path) -> tuple[list[Listed], set[str]]:
    """The entries of a Parquet file, or of all in a folder, and which of our columns every file has."""
    files = sorted(location.glob("*.parquet")) if location.is_dir() else [location]
    if not files or not files[0].is_file():
        raise UserError(
            f"index.location: {location} is missing: name a Parquet file with a url column, or a folder "
            "of them"
        )
    entries: list[Listed] = []
    known = set(NAMES)
    for file in files:
        try:
            table = pq.ParquetFile(file)
            found = columns(table.schema_arrow.names)
            if "url" not in found:
                raise UserError(f"index.location: {file} needs a column {' or '.join(NAMES['url'])}")
            entries += rows(table.read(columns=list(found.values())), found)
        except (pa.ArrowException, OSError) as error:
            raise UserError(
                f"index.location: {file} is not a Parquet file that can be read ({error})"
            ) from error
        known &= set(found)
    if not entries:
        raise UserError(f"index.location: {location} needs at least one row")
    return entries, known


def rows(table: pa.Table, found: dict[str, str]) -> Iterator[Listed]:
    """The entries of a table; `found` says which of its columns holds what."""
    kinds = {name: pa.float64() if name == "punsafe" else pa.string() for name in found}
    values = {ours: table[theirs].cast(kinds[ours]).to_pylist() for ours, theirs in found.items()}
    for i in range(table.num_rows):
        yield Listed(**{"url": None} | {name: column[i] for name, column in values.items()})
