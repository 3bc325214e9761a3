"""A folder of images becomes rows of the index, with captions from text files of the same name."""

import os
from collections import Counter
from pathlib import Path

from common.core import progress
from common.core.errors import UserError
from common.core.images import is_leftover, read_bytes
from common.corpus import web
from common.corpus.corpus_entry import CorpusEntry
from stages.index.rows import IndexRows, row

BESIDE = {".txt", ".json", ".parquet", ".csv", ".md"}  # what people keep beside their images


def read(folder: Path, limits: web.DownloadLimits) -> tuple[IndexRows, Counter]:
    """Rows of all images in and below a folder (keys are relative paths), and failures by cause."""
    if not folder.is_dir():
        raise UserError(
            f"index.location: {folder} is not a folder: name a folder of images, or mend index.source"
        )
    paths = sorted(
        path for path in folder.rglob("*") if not _walked(path) and _visible(path.relative_to(folder))
    )
    rows, failures = [], Counter()
    for path in progress.bar([path for path in paths if path.suffix.lower() not in BESIDE], "read"):
        # old archives and cameras write names that are no UTF-8: \xe9 stands for such a byte
        name = os.fsencode(path.relative_to(folder).as_posix()).decode("utf-8", "backslashreplace")
        try:
            rows.append(row(name, CorpusEntry(name, _caption(path)), picture(path, limits)))
        except web.Unusable as failure:
            failures[str(failure)] += 1
    return rows, failures


def picture(path: Path, limits: web.DownloadLimits) -> web.CorpusImage:
    """A local image as kept; raises Unusable."""
    try:
        if path.is_file() and path.stat().st_size > limits.max_bytes:
            raise web.Unusable("too large")
        return web.keep(read_bytes(path), limits)
    except (OSError, UserError):  # gone, not allowed, a pipe, a link that leads nowhere or to a folder
        raise web.Unusable("unreadable") from None


def _walked(path: Path) -> bool:
    """Whether this is a folder whose files are read; DVC would notice no change behind a link to one."""
    return path.is_dir() and not path.is_symlink()


def _visible(name: Path) -> bool:
    return not any(is_leftover(part) for part in name.parts)


def _caption(path: Path) -> str | None:
    text = path.with_suffix(".txt")
    return text.read_text(encoding="utf-8", errors="replace").strip() if text.is_file() else None
