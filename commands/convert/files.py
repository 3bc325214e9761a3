"""Other systems' files: read with one sentence about what is wrong, never written over.

Owns what all formats share. Does not own any format.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from common.core import foreign, io
from common.core.errors import UserError
from common.core.images import list_photos, load_image, read_bytes

T = TypeVar("T")
NEAR_COLOR = 24  # of 255, by which a cell of an 8 x 8 miniature differs in copies of one photo


def refuse_existing(*targets: Path) -> None:
    """Raise UserError if one of the paths is taken: what lies there may be worth more than the export."""
    for path in targets:
        if path.exists() or path.is_symlink():
            raise UserError(f"{path} exists already: remove it, or choose another place")


def read_lines(path: Path, form: type[T], about: str) -> list[T]:
    """Read and check JSONL; blank lines are skipped. Arguments and errors as in `foreign.read`."""
    rows = []
    for number, line in enumerate(foreign.contents(path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            rows.append(foreign.parsed(line, form))
        except foreign.FormError as error:
            raise UserError(f"{path} line {number}, {error}; {about}: mend the file") from None
    return rows


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write JSONL, keys in the order given."""
    text = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
    io.write_bytes(path, text.encode())


def own_photos(folder: Path) -> dict[str, Path]:
    """The photos of a folder by their names; none if it is missing."""
    return {path.name: path for path in list_photos(folder)} if folder.is_dir() else {}


def own_names(folder: Path, names: Collection[str], own: Path) -> dict[str, str]:
    """Those photos of another folder that are the subject's train photos, too: their names there → ours.

    Also where a copy was saved again, as `commands.add` does under names of its own.
    """
    known = {path.name: _look(path) for path in own_photos(own).values()}
    nearest_own = {}
    for name in (name for name in names if (folder / name).is_file()):
        look = _look(folder / name)
        differ = {ours: int(np.abs(known[ours] - look).max()) for ours in known}
        nearest = min(differ, key=differ.__getitem__, default=None)
        if nearest is not None and differ[nearest] <= NEAR_COLOR:
            nearest_own[name] = nearest
    return nearest_own


def picture(path: Path) -> bytes:
    """The bytes of an image file that is known to decode; raise UserError otherwise."""
    data = read_bytes(path)
    load_image(data, str(path))
    return data


def picture_name(row: Mapping[str, Any]) -> str:
    """A file name for the image of a row of the dataset, the same for the same image."""
    return f"{row['image_sha256'][:16]}{Path(row['image']['path']).suffix}"


def _look(path: Path) -> np.ndarray:
    """(8, 8, 3) int16, a miniature."""
    image = load_image(read_bytes(path), str(path))
    return np.asarray(image.resize((8, 8), Image.Resampling.BOX), np.int16)


def kept_by(stages: str) -> str:
    """What to tell who has read a file in place of what these stages made."""
    return f"keep it: `dvc commit -f {stages}`, undo it: `dvc checkout -f {stages}`"
