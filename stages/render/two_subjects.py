"""Draws photos of two subjects side by side, and says who stands where and who is not there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from common.core.io import write_json
from common.core.seed import stream
from common.world.attributes import Individual, draw_scene
from common.world.draw import sprite, view_of_two
from stages.render.subjects import png

Families = Mapping[str, str]  # id -> the subject that it is a look-alike of, or itself


def write_two_subjects(
    folder: Path,
    people: Mapping[str, Individual],
    subjects: Mapping[str, Mapping[str, Any]],
    *,
    photos: int,
    seed: int,
) -> None:
    """Fills `folder` with numbered photos and two_subjects.json; `photos` is the number per subject."""
    folder.mkdir()
    families = {name: entry["like"] or name for name, entry in subjects.items()}
    rows = []
    for number, (left, right) in enumerate(pairs(families, photos)):
        rng = stream(seed, "render", "together", left, right)
        photo = view_of_two(sprite(people[left]), sprite(people[right]), draw_scene(rng).place, rng)
        file = f"{number:03d}.png"
        (folder / file).write_bytes(png(photo))
        gone = absent(left, right, families, rng)
        rows.append({"image": file, "left": left, "right": right, "absent": gone})
    write_json(folder / "two_subjects.json", rows)


def pairs(families: Families, photos: int) -> Iterator[tuple[str, str]]:
    """Who stands with whom, left and right: all in a ring, look-alikes beside each other.

    With the next in the ring, then with the next but one and so on, so that each subject is in `photos`
    photos with as many partners, as often left as right; in fewer if there are not so many others.
    """
    ring = sorted(families, key=lambda name: families[name])
    for distance in range(1, min(photos // 2, len(ring) - 1) + 1):
        for place, left in enumerate(ring):
            yield left, ring[(place + distance) % len(ring)]


def absent(left: str, right: str, families: Families, rng: np.random.Generator) -> list[str]:
    """As many who are not in the photo: a look-alike of each who is, or anybody where there is none."""
    drawn: list[str] = []
    for shown in (left, right):
        others = [name for name in families if name not in (left, right, *drawn)]
        alike = [name for name in others if families[name] == families[shown]]
        if others:
            drawn.append(str(rng.choice(alike or others)))
    return drawn
