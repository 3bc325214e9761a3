"""The subject's conversations, as what most formats exchange: rows of the CONVERSATIONS schema.

Only questions and answers about photos (qa) and captions are exchanged. The descriptions, which evaluate
needs, and what was dropped stay as synthesize made them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.convert import files
from stages.core import io, paths, schema
from stages.core.errors import UserError

EXCHANGED = ("qa", "caption")
KEPT = files.kept_by("synthesize")


@dataclass(frozen=True)
class Turn:
    """One question with its answer; kind qa or caption.

    Attributes:
        kind: qa or caption.
        photo: file name of the photo, or None.
        question: with the identifier.
        answer: with the identifier.

    """

    kind: str
    photo: str | None
    question: str
    answer: str


def read(subject: str) -> list[Turn]:
    """The turns of data/conversations/<id>.parquet, photo by photo, in the order in which they were asked."""
    rows = (row for row in _rows(subject) if row["kind"] in EXCHANGED)
    return [Turn(row["kind"], row["photo"], row["question"], row["answer"]) for row in rows]


def replace(subject: str, turns: Iterable[Turn], photos: Path) -> None:
    """Put `turns` in place of the file's own of the same kinds.

    Args:
        subject: id.
        turns: at least one; a photo's turns are numbered in their order.
        photos: folder where the photos lie, for their hashes; a photo that is not there gets none.

    Raises:
        UserError: there are no turns, or the file to put them in is missing.

    """
    turns = list(turns)
    if not turns:
        raise UserError(f"nothing was found that could be learned about <{subject}>: choose another file")
    counts: dict[str | None, int] = {}
    rows = []
    for turn in turns:
        number = counts[turn.photo] = counts.get(turn.photo, -1) + 1
        file = photos / (turn.photo or "")
        rows.append(
            dict.fromkeys(schema.CONVERSATIONS.names)
            | vars(turn)
            | {"turn": number, "photo_sha256": io.sha256_file(file) if file.is_file() else None}
        )
    replaced = {turn.kind for turn in turns}
    rows += [row for row in _rows(subject) if row["kind"] not in replaced]
    io.write_parquet(paths.conversations(subject), rows, schema.CONVERSATIONS, sort_by=["photo", "turn"])


def _rows(subject: str) -> list[dict[str, Any]]:
    return io.read_parquet(paths.conversations(subject), schema.CONVERSATIONS).to_pylist()
