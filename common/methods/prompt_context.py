"""What a prompt about a subject is made of, without anything being learned: a description, and its photos.

Shared by the methods that put them before the frozen base (`prompting`) and before other models (`endpoint`).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, NamedTuple

from pydantic import model_validator

from common.core import images, io, paths, schema
from common.core.conversations import descriptions, read_conversations
from common.core.errors import UserError
from common.core.settings import CountOrZero, MethodSettings
from common.core.vocabulary import DescribedBy
from common.methods.interface import MethodSubject

if TYPE_CHECKING:
    from PIL import Image

LACKING: dict[DescribedBy, tuple[str, str]] = {  # descriptions that not every subject has, and how one is had
    "human": ("by a human", 'write what comes after "{token} is" to {where}'),
    "summary": (
        "that sums up its captions",
        "set synthesize.summary: true (where it is, what the base wrote was unfit; {where} says why)",
    ),
}
CARD = "prompt.json"  # of a subject: its description, or null; its reference photos lie beside


class ContextSettings(MethodSettings):
    """What a section holds that tells a model of a subject."""

    description: DescribedBy | None
    references: CountOrZero

    @model_validator(mode="after")
    def _something(self) -> "ContextSettings":
        if self.description is None and not self.references:
            raise ValueError("a section that tells of subjects needs a description or references: set one")
        return self


class PromptContext(NamedTuple):
    """What is told of one subject."""

    description: str | None
    photos: "list[Image.Image]"


def write_context(
    folder: Path,
    subjects: Sequence[MethodSubject],
    settings: ContextSettings,
    section: str,
    written: Mapping[str, str] | None = None,
) -> None:
    """Choose words and photos of every subject, and write folder/<id>.

    `written` are descriptions by subject, in place of those that the settings choose from.

    Raises UserError, which names the section, if a subject lacks them.
    """
    for subject in subjects:
        words = written[subject.id] if written else _description(subject, settings.description, section)
        photos = _references(subject, settings.references, section)
        with io.whole_folder(folder / subject.id) as place:
            for number, photo in enumerate(photos):
                (place / f"{number:02d}.png").write_bytes(photo)
            io.write_json(place / CARD, {"description": words})


def read_context(folder: Path, subject: str) -> PromptContext:
    """Read what `write_context` wrote of a subject."""
    place = folder / subject
    words = io.read_json(place / CARD)["description"]
    return PromptContext(words, [images.load_image(path) for path in sorted(place.glob("*.png"))])


def stored_bytes(folder: Path, subject: str) -> int:
    """Sum up the sizes of a subject's files."""
    return sum(path.stat().st_size for path in (folder / subject).iterdir())


def _description(subject: MethodSubject, by: DescribedBy | None, section: str) -> str | None:
    """A sentence about the subject: by a human, or by the base model; None for None."""
    if by is None:
        return None
    said = descriptions(read_conversations(subject.id)).get(by)
    if said is None:
        lack, remedy = LACKING[by]
        where = paths.description(subject.id, "own") if by == "human" else subject.conversations
        raise UserError(
            f"{subject.id} has no description {lack}, as methods.{section} needs: "
            f"{remedy.format(token=subject.token, where=where)}, or set methods.{section}.description: short"
        )
    return said


def train_photos(subject: MethodSubject) -> "list[Image.Image]":
    """All train photos, by name, unchanged."""
    return [images.load_image(photo) for photo in _train_photos(subject)]


def _references(subject: MethodSubject, count: int, section: str) -> list[bytes]:
    """The first train photos by name, unchanged, as PNG."""
    if not count:
        return []
    photos = _train_photos(subject)
    if len(photos) < count:
        raise UserError(
            f"{subject.id} has {len(photos)} train photos, but methods.{section}.references is {count}: "
            f"set it to {len(photos)} or less"
        )
    return photos[:count]


def _train_photos(subject: MethodSubject) -> list[bytes]:
    rows = io.read_parquet(subject.dataset, schema.DATASET).to_pylist()
    photos = [row for row in rows if row["split"] == "validation" and row["label"] == "yes"]
    photos.sort(key=lambda row: PurePath(row["source"]).name)
    return [row["image"]["bytes"] for row in photos]
