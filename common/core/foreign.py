"""What others send and publish, made safe to use: bounded JSON, and names that stay in their folder.

All JSON that is not our own, in a file or as a reply, is read here, in the form of a pydantic model.
"""

import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from common.core import images
from common.core.errors import UserError
from common.core.progress import UNKNOWN, plain, printable

T = TypeVar("T")
MAX_BYTES = 256 * 2**20  # of a JSON file; decoded it takes several times as much


class FormError(ValueError):
    """JSON that is none, or of another form than expected; the message says where and why."""


def parsed(data: bytes, form: type[T], max_bytes: int = MAX_BYTES) -> T:
    """Read and check JSON of others.

    A byte order mark is passed over. Bytes that are no UTF-8, and halves of surrogate pairs, become UNKNOWN;
    NaN and infinity, which JSON does not have and Python services write, become null. One bad value should
    not lose the others.

    Args:
        data: UTF-8.
        form: a type that pydantic checks, for example ``dict[str, list[str]]``.
        max_bytes: more are refused before anything is decoded.

    Raises:
        FormError: it is too large, too deeply nested, no JSON, or has another form.

    """
    if len(data) > max_bytes:
        raise FormError(f"more than {max_bytes:,} bytes")
    text = data.decode("utf-8-sig", "replace")
    try:
        value = json.loads(text, parse_constant=lambda _: None)
        if "\\ud" in text.lower():
            value = _whole(value)
    except RecursionError:
        raise FormError("too deeply nested") from None
    except ValueError as error:
        raise FormError(f"Invalid JSON: {error}") from None
    try:
        return TypeAdapter(form).validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        at = ".".join(str(part) for part in first["loc"])
        raise FormError(printable(f"{at}: {first['msg']}" if at else first["msg"])) from None


def read(path: Path, form: type[T], about: str) -> T:
    """Read and check a JSON file; `about` is its form in words, for the error.

    Raises UserError if it is no regular file, not readable, or `parsed` refuses it.
    """
    try:
        return parsed(contents(path), form)
    except FormError as error:
        raise UserError(f"{path}, {error}; {about}: mend the file") from None


def contents(path: Path) -> bytes:
    """The bytes of a regular file of at most MAX_BYTES; raises UserError otherwise."""
    if path.exists() and not path.is_file():
        raise UserError(f"{path} is no regular file: name a file")
    if path.is_file() and path.stat().st_size > MAX_BYTES:
        raise UserError(f"{path} is larger than {MAX_BYTES:,} bytes: split it")
    return images.read_bytes(path)


def inside(folder: Path, name: str) -> Path:
    """The file in or below `folder` that `name` means, links followed; it need not exist.

    Raises UserError if it lies elsewhere, or is no regular file.
    """
    path = Path(folder) / name
    try:
        if UNKNOWN in plain(name) or not {"\n", "\t"}.isdisjoint(name):
            raise ValueError
        place = path.resolve()
        if not place.is_relative_to(Path(folder).resolve()):
            raise UserError(
                f"{printable(name)} names a file outside {folder}: put the file there and name it so"
            )
        if place.exists() and not place.is_file():
            raise UserError(f"{printable(name)} is no regular file in {folder}: name a file")
    except (OSError, ValueError, RuntimeError):  # too long, with control characters, or a loop of links
        raise UserError(f"{printable(name)} cannot be the name of a file in {folder}: rename it") from None
    return path


def _whole(value: Any) -> Any:
    """The value with half surrogate pairs replaced, which nothing could write as UTF-8."""
    if isinstance(value, str):
        return "".join(UNKNOWN if "\ud800" <= letter <= "\udfff" else letter for letter in value)
    if isinstance(value, list):
        return [_whole(one) for one in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(one) for key, one in value.items()}
    return value
