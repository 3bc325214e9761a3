"""Other systems' files: read with one sentence about what is wrong, never written over.

Owns what all formats share. Does not own any format.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from common.core import foreign, io
from common.core.errors import UserError
from common.core.images import list_photos, load_image, read_bytes

T = TypeVar("T")


def refuse_existing(*found: Path) -> None:
    """Raise UserError if one of the paths is taken: what lies there may be worth more than the export."""
    for path in found:
        if path.exists() or path.is_symlink():
            raise UserError(f"{path} exists already: remove it, or choose another place")


def read_lines(path: Path, form: type[T], about: str) -> list[T]:
    """Read and check JSONL; blank lines are skipped. Arguments and errors as in `foreign.read`."""
    found = []
    for number, line in enumerate(foreign.contents(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            found.append(foreign.parsed(line, form))
        except foreign.FormError as error:
            raise UserError(f"{path} line {number}, {error}; {about}: mend the file") from None
    return found


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write JSONL, keys in the order given."""
    text = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
    io.write_bytes(path, text.encode())


def own_photos(folder: Path) -> dict[str, Path]:
    """The photos of a folder by their names; none if it is missing."""
    return {path.name: path for path in list_photos(folder)} if folder.is_dir() else {}


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
