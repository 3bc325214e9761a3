"""Draws the subjects: train and test photos, and for evaluation their truth and look-alikes never seen."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from common.core.errors import UserError
from common.core.io import write_json
from common.core.seed import stream
from common.world.attributes import NOUNS, Individual, Scene, draw_individual, draw_scene, lookalike
from common.world.draw import sprite, view
from common.world.text import looks, with_article
from stages.render.questions import text_questions, visual_questions

LOOKALIKES = {"marking": 0, "one": 1, "two": 2}  # group -> nameable attributes that differ beside the marking


def cast(subjects: Mapping[str, Mapping[str, Any]], seed: int) -> dict[str, Individual]:
    """The individual behind each id: of a noun, or a look-alike of another subject.

    Raises:
        UserError: an entry names a noun that cannot be drawn, or a subject that is not there.

    """
    made: dict[str, Individual] = {}
    for name, entry in sorted(subjects.items(), key=lambda item: item[1]["like"] is not None):
        rng = stream(seed, "render", "subject", name)
        if entry["like"] is not None:
            if entry["like"] not in made:
                raise UserError(
                    f"params.yaml: world.subjects.{name}.like is {entry['like']!r}: "
                    f"name a subject that has a noun"
                )
            made[name] = lookalike(made[entry["like"]], rng, entry["changed"])
        elif entry["noun"] in NOUNS:
            made[name] = draw_individual(rng, entry["noun"])
        else:
            raise UserError(
                f"params.yaml: world.subjects.{name}.noun is {entry['noun']!r}: use one of {', '.join(NOUNS)}"
            )
    return {name: made[name] for name in subjects}


def png(photo: np.ndarray) -> bytes:
    """A photo, uint8 (H, W, 3), as PNG bytes."""
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "PNG")
    return buffer.getvalue()


def write_photos(folder: Path, shown: Iterator[tuple[Individual, Scene]], rng: np.random.Generator) -> None:
    """One numbered PNG per individual and scene; in a folder that `whole_folder` gives."""
    folder.mkdir(parents=True)
    for number, (who, scene) in enumerate(shown):
        (folder / f"{number:02d}.png").write_bytes(png(view(sprite(who), scene, rng)))


def write_subject(
    photos: Path,
    truth: Path,
    name: str,
    who: Individual,
    *,
    train: int,
    test: int,
    lookalikes: int,
    seed: int,
) -> None:
    """Everything of one subject: `photos`/train, `photos`/test and, apart, its `ground_truth`."""
    rng = stream(seed, "render", "photos", name)
    write_photos(photos / "train", ((who, draw_scene(rng)) for _ in range(train)), rng)
    (photos / "description.txt").write_text(
        f"{with_article(looks(who))}.\n"
    )  # as a human would, without name
    scenes = [draw_scene(rng) for _ in range(test)]
    write_photos(photos / "test", ((who, scene) for scene in scenes), rng)
    for group, changed in LOOKALIKES.items():
        shown = ((lookalike(who, rng, changed), draw_scene(rng)) for _ in range(lookalikes))
        write_photos(truth / "lookalikes" / group, shown, rng)
    questions = stream(seed, "render", "questions", name)
    visual = [
        {"image": f"{number:02d}.png", **question}
        for number, scene in enumerate(scenes)
        for question in visual_questions(f"<{name}>", who, scene, questions)
    ]
    write_json(
        truth / "questions.json", {"visual": visual, "text": text_questions(f"<{name}>", who, questions)}
    )
    write_json(truth / "attributes.json", asdict(who) | {"kind": who.kind})
