"""Files in one canonical form: the same content gives the same bytes, and a file is whole or absent.

Every writer fills a hidden neighbor and renames it when it is complete and on disk, so that neither a kill, a
full disk nor a second writer leaves half a file or folder under the real name (see `partial`).
"""

import csv
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from common.core.errors import UserError, write_error
from common.core.partial import PATTERN, owned, remove, remove_left

if TYPE_CHECKING:
    import torch

Row = dict[str, Any]  # of a table: column → value
TableRows = Sequence[Mapping[str, Any]]
SortKey = Sequence[str | tuple[str, str]]  # "column", or ("column", "descending")


@contextmanager
def atomic(path: Path) -> Iterator[BinaryIO]:
    """Open `path` for writing so that it appears whole or not at all; parents are made.

    The body should only write: any OSError in it is reported as a failed write of `path`.
    Raises UserError when the disk is full, the folder is not writable, or another process writes `path`.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with owned(partial, lambda: os.open(partial, os.O_RDWR | os.O_CREAT, 0o666), path) as handle:
            os.truncate(handle, 0)  # left by a kill
            with os.fdopen(os.dup(handle), "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
    except OSError as error:
        raise write_error(path, error) from error


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A hidden neighbor of `path` to fill; it takes the place of `path` when the body has ended well.

    For thousands of small files: the body writes them plainly, for forcing each to disk takes minutes.
    Any OSError in the body is reported as a failed write of `path`, as is another process that fills it.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.partial")

    def opened() -> int:
        partial.mkdir(parents=True, exist_ok=True)
        return os.open(partial, os.O_RDONLY)

    try:
        with owned(partial, opened, path):
            _empty(partial)  # left by a kill
            yield partial
            shutil.rmtree(path, ignore_errors=True)
            partial.rename(path)
    except OSError as error:
        raise write_error(path, error) from error


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        remove(path)


def write_bytes(path: Path, data: bytes) -> None:
    """Write bytes as they are."""
    with atomic(path) as file:
        file.write(data)


def write_json(path: Path, value: Any) -> None:
    """Write JSON with sorted keys; NaN and infinity raise ValueError, for no JSON reader accepts them."""
    text = json.dumps(value, sort_keys=True, indent=2, allow_nan=False, ensure_ascii=False)
    write_bytes(path, f"{text}\n".encode())


def read_json(path: Path) -> Any:
    """Read JSON; a missing or damaged file is a UserError."""
    with _readable(path):
        return json.loads(Path(path).read_text(encoding="utf-8"))


def write_csv(path: Path, rows: TableRows) -> None:
    """Write rows that share their keys as CSV with a header; None becomes an empty cell."""
    if not rows:
        raise ValueError(f"{path}: a CSV file needs at least one row to name its columns")
    lines = StringIO()
    writer = csv.DictWriter(lines, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_bytes(path, lines.getvalue().encode())


def write_parquet(path: Path, table: pa.Table | TableRows, schema: pa.Schema, sort_by: SortKey) -> None:
    """Write a table with exactly this schema (columns, types, descriptions), sorted by the given key.

    Bytes depend on the content, the schema and the pinned pyarrow alone. A row group holds at most 1,000 rows
    so that a reader of images never needs the whole file in memory.
    """
    if not isinstance(table, pa.Table):
        table = pa.Table.from_pylist(list(table), schema=schema)
    table = table.select(schema.names).cast(schema).replace_schema_metadata(schema.metadata)
    keys = [(key, "ascending") if isinstance(key, str) else key for key in sort_by]
    with atomic(path) as file:
        pq.write_table(
            table.sort_by(keys),
            file,
            compression="zstd",
            row_group_size=1000,
            use_dictionary=False,
            version="2.6",
        )


def read_parquet(path: Path, schema: pa.Schema | None = None) -> pa.Table:
    """Read a table; with a schema, refuse a file whose columns differ from it."""
    with _readable(path):
        table = pq.ParquetFile(path).read()
    if schema is not None and not table.schema.equals(schema):
        raise UserError(f"{path} has other columns than this version expects: make it again with `dvc repro`")
    return table


def write_safetensors(path: Path, tensors: Mapping[str, "torch.Tensor"], info: Mapping[str, Any]) -> None:
    """Write tensors with `info` as JSON under the one metadata key "info".

    One key, because safetensors writes several in random order (issue 584 of huggingface/safetensors).
    """
    from safetensors.torch import save

    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    header = {"info": json.dumps(info, sort_keys=True, allow_nan=False)}
    write_bytes(path, save(plain, metadata=header))


def read_safetensors(path: Path) -> tuple[dict[str, "torch.Tensor"], dict[str, Any]]:
    """Read what `write_safetensors` wrote: the tensors on the CPU, and `info`."""
    from safetensors import safe_open

    with _readable(path), safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in sorted(file.keys())}
        return tensors, json.loads((file.metadata() or {}).get("info", "{}"))


def sha256_bytes(data: bytes) -> str:
    """Hexadecimal SHA-256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Hexadecimal SHA-256 of a file, read in pieces."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def keep_only(folder: Path, wanted: Iterable[Path]) -> None:
    """Delete the files of `folder` that are not wanted: of removed subjects, and leftovers of a kill.

    What another process is writing there stays.
    """
    keep = {Path(path) for path in wanted}
    for path in sorted(Path(folder).iterdir()):
        if path not in keep and not path.match(PATTERN):
            path.unlink(missing_ok=True)
    remove_left(folder)


def refuse_strays(wanted: Iterable[Path]) -> None:
    """Raise UserError if a folder of `wanted` files holds visible others, as DVC leaves of removed subjects.

    They would count as dependencies of the joint stages. The message is the command that removes them.
    """
    keep = {Path(path) for path in wanted}
    folders = sorted({path.parent for path in keep if path.parent.is_dir()})
    present = [path for folder in folders for path in sorted(folder.iterdir())]
    strays = [path.as_posix() for path in present if path not in keep and not path.name.startswith(".")]
    if strays:
        raise UserError(
            f"no subject or method in params.yaml has {', '.join(strays)}: run `rm -r {' '.join(strays)}`"
        )


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    from safetensors import SafetensorError

    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run `dvc repro` to make it") from None
    except RecursionError:
        raise UserError(f"{path} is too deeply nested: delete it and run `dvc repro`") from None
    except (OSError, ValueError, pa.ArrowException, SafetensorError) as error:
        raise UserError(f"{path} cannot be read ({error}): delete it and run `dvc repro`") from error
