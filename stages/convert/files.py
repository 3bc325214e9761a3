"""Other systems' files: read with one sentence about what is wrong, never written over.

Owns what all formats share. Does not own any format.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from stages.core import io
from stages.core.errors import UserError
from stages.core.images import load_image, read_bytes

T = TypeVar("T")


def refuse_existing(*found: Path) -> None:
    """Raise UserError if one of the paths is taken: what lies there may be worth more than the export."""
    for path in found:
        if path.exists() or path.is_symlink():
            raise UserError(f"{path} exists already: remove it, or choose another place")


def read_json(path: Path, form: type[T], about: str) -> T:
    """Read and check JSON.

    Args:
        path: the file.
        form: a type that pydantic checks, for example ``dict[str, list[str]]``.
        about: the form in words, for the error.

    Raises:
        UserError: the file is missing, not JSON, or of another form.

    """
    return _checked(path, "", read_bytes(path), form, about)


def read_lines(path: Path, form: type[T], about: str) -> list[T]:
    """Read and check JSONL; blank lines are skipped. Arguments and errors as in `read_json`."""
    lines = enumerate(read_bytes(path).splitlines(), 1)
    return [_checked(path, f" line {i}", line, form, about) for i, line in lines if line.strip()]


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write JSONL, keys in the order given."""
    text = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
    io.write_bytes(path, text.encode())


def picture(path: Path) -> bytes:
    """The bytes of an image file that is known to decode; raise UserError otherwise."""
    data = read_bytes(path)
    load_image(data, str(path))
    return data


def picture_name(row: Mapping[str, Any]) -> str:
    """A file name for the image of a row of the dataset, the same for the same image."""
    return f"{row['image_sha256'][:16]}{Path(row['image']['path']).suffix}"


def kept_by(stages: str) -> str:
    """What to tell who has read a file in place of what these stages made."""
    return f"keep it: `dvc commit -f {stages}`, undo it: `dvc checkout -f {stages}`"


def _checked(path: Path, where: str, data: bytes, form: type[T], about: str) -> T:
    try:
        return TypeAdapter(form).validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        at = ".".join(str(part) for part in first["loc"])
        raise UserError(f"{path}{where}{at and f', {at}'}: {first['msg']}; {about}: mend the file") from None
