"""The subject's conversations, as what most formats exchange: rows of the CONVERSATIONS schema.

Only questions and answers about photos (qa) and captions are exchanged. The descriptions, which evaluate
needs, and what was dropped stay as synthesize made them. Owns what of foreign texts can be learned from.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from commands.convert import files
from common.core import io, names, paths, schema
from common.core.conversations import read_conversations
from common.core.errors import UserError
from common.core.progress import UNKNOWN, plain, printable

EXCHANGED = ("qa", "caption")
KEPT = files.kept_by("synthesize")


@dataclass(frozen=True)
class ConversationTurn:
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


def read(subject: str) -> list[ConversationTurn]:
    """The turns of data/conversations/<id>.parquet, photo by photo, in the order in which they were asked."""
    rows = (row for row in read_conversations(subject) if row["kind"] in EXCHANGED)
    return [ConversationTurn(row["kind"], row["photo"], row["question"], row["answer"]) for row in rows]


def original_captions(subject: str) -> dict[str, list[str]]:
    """By photo, the captions in the base model's own words; of those that others wrote there are none."""
    captions: dict[str, list[str]] = {}
    for row in read_conversations(subject):
        if row["kind"] == "caption" and row["photo"] and row["raw_answer"]:
            captions.setdefault(row["photo"], []).append(row["raw_answer"])
    return captions


def replace(subject: str, turns: Iterable[ConversationTurn], photos: Path) -> str:
    """Put `turns` in place of the file's own of the same kinds; return what was left, as words for a summary.

    Texts with bytes that are no UTF-8 are left. Others name the subject as ``<id>`` from now on (`names`).

    Args:
        subject: id.
        turns: at least one that can be used; a photo's turns are numbered in their order.
        photos: folder where the photos lie, for their hashes; a photo that is not there gets none.

    Raises:
        UserError: there are no such turns, one names somebody else or none the subject, a photo's name leads
            elsewhere, or the file to put them in is missing.

    """
    turns = list(turns)
    read = [learnable(subject, turn) for turn in turns if legible(turn.question, turn.answer)]
    if not read:
        raise UserError(f"nothing was found that could be learned about <{subject}>: choose another file")
    if not any(f"<{subject}>" in turn.question + turn.answer for turn in read):
        raise UserError(
            f"no text names <{subject}>: use the id that the texts name, or write <{subject}> there"
        )
    there = files.own_photos(photos)
    counts: dict[str | None, int] = {}
    rows = []
    for turn in read:
        number = counts[turn.photo] = counts.get(turn.photo, -1) + 1
        file = there.get(turn.photo or "")
        rows.append(
            dict.fromkeys(schema.CONVERSATIONS.names)
            | vars(turn)
            | {"turn": number, "photo_sha256": io.sha256_file(file) if file else None}
        )
    replaced = {turn.kind for turn in read}
    rows += [row for row in read_conversations(subject) if row["kind"] not in replaced]
    io.write_parquet(paths.conversations(subject), rows, schema.CONVERSATIONS, sort_by=["photo", "turn"])
    return left_out(len(turns) - len(read))


def legible(*texts: str) -> bool:
    """Whether the texts came as UTF-8, without control characters."""
    return not any(UNKNOWN in plain(text) for text in texts)


def left_out(count: int) -> str:
    """Words for a summary about texts that are not `legible`; empty if there are none."""
    return f", {count} that are no UTF-8 left" if count else ""


def learnable(subject: str, turn: ConversationTurn) -> ConversationTurn:
    """The turn in our words. Raises UserError if it names somebody else, or a photo by more than its name."""
    photo = turn.photo
    if photo is not None and (Path(photo).name != photo or photo == ".." or UNKNOWN in plain(photo)):
        raise UserError(f"{printable(photo)} is not the name of a photo: write the file's name alone")
    asked, said = (names.about(subject, text) for text in (turn.question, turn.answer))
    return ConversationTurn(turn.kind, photo, asked, said)
