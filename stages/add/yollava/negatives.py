"""The published hard negatives: which files can be used, and whether scores.json tells of each.

They are copied as a corpus for the index stage, which embeds and retrieves them with the base CLIP like any
other. The published scores, of a CLIP that is not named, rank nothing here; the report shows their range.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stages.add import pictures
from stages.add.pictures import Picture
from stages.add.yollava.findings import Findings
from stages.core import images

FOLDER, SCORES = "negative_example", "scores.json"


@dataclass
class Negatives:
    """A subject's usable negatives and the scores of those that have one."""

    files: list[Picture] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)


def read(root: Path, name: str, own: Collection[Picture], found: Findings) -> Negatives:
    """Read the negatives of the subject `name`, whose photos are `own`."""
    folder = root / "train" / name / FOLDER
    if not folder.is_dir():
        return Negatives()
    wrong = found["Hard negatives"]
    scores = _scores(folder / SCORES, wrong)
    files = [path for path in images.list_photos(folder) if path.name != SCORES]
    readable, unreadable = pictures.read(files, f"{name}/{FOLDER}")
    wrong += unreadable
    seen = {photo.pixels: photo for photo in own}
    kept = Negatives()
    for photo in readable:
        if other := seen.get(photo.pixels):
            wrong.append(f"{photo.path} is the same picture as {other.path}")
            continue
        seen[photo.pixels] = photo
        kept.files.append(photo)
        if photo.path.stem in scores:
            kept.scores.append(scores[photo.path.stem])
        else:
            wrong.append(f"{photo.path} has no score in {SCORES} (kept)")
    stems = {path.stem for path in files}
    wrong += [
        f"{folder / SCORES} lists {stem}, of which there is no file" for stem in scores if stem not in stems
    ]
    return kept


def _scores(path: Path, wrong: list[str]) -> dict[str, float]:
    """File stem → score. Of `image_path`, which is absolute and the authors' own, the name alone is used."""
    if not path.exists():
        wrong.append(f"{path} is missing")
        return {}
    scores = {}
    try:
        for record in _records(images.read_bytes(path).decode()):
            stem = record["image"] if "image" in record else record["image_path"]
            scores[Path(stem).name.removesuffix(".png")] = float(record["clip_score"])
    except (ValueError, KeyError, TypeError) as error:
        wrong.append(f"{path} cannot be read ({type(error).__name__}: {error})")
    return scores


def _records(text: str) -> list[dict[str, Any]]:
    try:
        records = json.loads(text)
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    if isinstance(records, dict):
        return [records] if "clip_score" in records else list(records.values())
    return records
