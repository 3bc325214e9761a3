"""The published hard negatives: which files can be used, and whether scores.json tells of each.

They are copied as a corpus for the index stage, which embeds and retrieves them with the base CLIP like any
other. The published scores, of a CLIP that is not named, choose which are copied where not all shall be.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from commands.add import pictures
from commands.add.pictures import AddedPhoto
from commands.add.published.findings import Findings
from common.core import foreign, images
from common.core.progress import printable

FOLDER, SCORES = "negative_example", "scores.json"


class Record(BaseModel):
    """A negative's score, in either form. Of `image_path`, the authors' own, the last name alone is used."""

    image: str | None = None
    image_path: str | None = None
    clip_score: Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False)]

    @property
    def stem(self) -> str:
        """The file's name without its suffix."""
        return Path(self.image or self.image_path or "").name.removesuffix(".png")


@dataclass
class Negatives:
    """A subject's usable negatives and the scores of those that have one."""

    files: list[AddedPhoto] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)


def read(
    root: Path, name: str, own: Collection[AddedPhoto], findings: Findings, most: int | None = None
) -> Negatives:
    """Read the negatives of the subject `name`, whose photos are `own`; of more than `most` the best."""
    folder = root / "train" / name / FOLDER
    if not folder.is_dir():
        return Negatives()
    wrong = findings["Hard negatives"]
    scores = _scores(folder / SCORES, wrong)
    files = [path for path in images.list_photos(folder) if path.name != SCORES]
    readable, unreadable = pictures.read(files, f"{name}/{FOLDER}")
    wrong += unreadable
    seen = {photo.pixels: photo for photo in own}
    usable = []
    for photo in readable:
        if other := seen.get(photo.pixels):
            wrong.append(f"{photo.path} is the same picture as {other.path}")
            continue
        seen[photo.pixels] = photo
        usable.append(photo)
        if photo.path.stem not in scores:
            wrong.append(f"{photo.path} has no score in {SCORES} (kept)")
    stems = {path.stem for path in files}
    wrong += [
        f"{folder / SCORES} lists {stem}, of which there is no file" for stem in scores if stem not in stems
    ]
    best = sorted(usable, key=lambda photo: -scores.get(photo.path.stem, -math.inf))[:most]
    files = [photo for photo in usable if photo in best]
    return Negatives(files, [scores[photo.path.stem] for photo in files if photo.path.stem in scores])


def _scores(path: Path, wrong: list[str]) -> dict[str, float]:
    """File stem → score."""
    if not path.exists():
        wrong.append(f"{path} is missing")
        return {}
    scores = {}
    try:
        for number, record in enumerate(_records(foreign.contents(path))):
            try:
                scored = Record.model_validate(record)
            except ValidationError as error:
                wrong.append(f"{path}: record {number}: {printable(error.errors()[0]['msg'])}")
            else:
                scores[scored.stem] = scored.clip_score
    except foreign.FormError as error:
        wrong.append(f"{path} cannot be read ({error})")
    return scores


def _records(data: bytes) -> list[Any]:
    try:
        content = foreign.parsed(data, dict[str, Any] | list[Any])
    except foreign.FormError:
        return [foreign.parsed(line, Any) for line in data.splitlines() if line.strip()]
    if isinstance(content, dict):
        return [content] if "clip_score" in content else list(content.values())
    return content
