"""The three things that a training set is joined from, as plain values."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from common.core import schema
from common.core.conversations import read_conversations
from common.core.images import load_image, photo_row
from common.core.io import read_parquet
from stages.assemble.dataset import SourceImage


def photos(files: Iterable[Path]) -> list[SourceImage]:
    """Load the train photos."""
    return [
        SourceImage(
            "positive", load_image(row["image"]["bytes"], row["source"]), row["source"], row["sha256"]
        )
        for row in map(photo_row, files)
    ]


def negatives(path: Path) -> list[SourceImage]:
    """The retrieved images, hard ones first."""
    return [
        SourceImage(
            role=row["role"],
            image=load_image(row["image"]["bytes"], row["url"]),
            source=row["url"],
            sha256=row["sha256"],
            score=row["score"],
            license=row["license"],
        )
        for row in read_parquet(path, schema.NEGATIVES).to_pylist()
    ]


def conversations(subject: str) -> list[dict[str, Any]]:
    """The questions and answers that may be trained on (descriptions serve other ends)."""
    return [row for row in read_conversations(subject) if row["kind"] in ("qa", "fact")]


def captions(subject: str) -> list[dict[str, Any]]:
    """The captions that name the subject; others would teach to leave its name out."""
    rows = read_conversations(subject)
    return [row for row in rows if row["kind"] == "caption" and f"<{subject}>" in row["answer"]]
