"""General questions about photos of strangers, in the public formats of POPE and MMBench.

What they ask has nothing to do with the subjects: learning one should not change the answers. Wordings are
those that the embedded base model answers well.

POPE (Li et al., EMNLP 2023) asks whether a thing is there, of each photo as many things that are as are not.
The latter are drawn at random, or are the most frequent ones, or those most often seen with what is there.
MMBench (Liu et al., ECCV 2024) lets choose from up to four options; here from two, for the base model has not
learned more.
"""

from __future__ import annotations

import base64
import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from common.core.io import Row
from common.core.seed import stream
from common.prompts.attribute_questions import PRESENCE
from common.world.attributes import (
    NAMEABLE,
    SCENE,
    THINGS,
    Individual,
    Scene,
    draw_individual,
    draw_scene,
    things,
)
from common.world.draw import sprite, view
from stages.render.questions import choice
from stages.render.subjects import png

NAME = "the subject"  # as the base model has learned to call whom a photo shows
CHOICES = 3  # two-choice questions per photo; the seven attributes take turns
COLUMNS = ("index", "question", "hint", *"ABCD", "answer", "category", "l2-category", "image", "split")
Shown = Sequence[tuple[Individual, Scene]]


def write_general_vqa(folder: Path, *, photos: int, seed: int) -> None:
    """Fills `folder` with images/, POPE's three files of JSON lines and MMBench's table."""
    rng = stream(seed, "render", "general")
    shown = [(draw_individual(rng), draw_scene(rng)) for _ in range(photos)]
    pictures = {
        f"{number:03d}.png": png(view(sprite(who), scene, rng)) for number, (who, scene) in enumerate(shown)
    }
    (folder / "images").mkdir(parents=True)
    for file, data in pictures.items():
        (folder / "images" / file).write_bytes(data)
    for setting, rows in polls(list(pictures), shown, rng).items():
        lines = "".join(f"{json.dumps(row)}\n" for row in rows)
        (folder / f"world_pope_{setting}.json").write_text(lines, encoding="utf-8")
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows(choices(list(pictures.values()), shown, rng))
    (folder / "world_mmbench.tsv").write_text(table.getvalue(), encoding="utf-8")


def polls(files: Sequence[str], shown: Shown, rng: np.random.Generator) -> dict[str, list[Row]]:
    """POPE's rows by setting (random, popular, adversarial)."""
    there = [things(who, scene) for who, scene in shown]
    popular = Counter(thing for present in there for thing in present)
    pairs = Counter((a, b) for present in there for a in present for b in present)
    ranks: dict[str, Callable[[str, list[str]], float]] = {
        "random": lambda thing, present: rng.random(),
        "popular": lambda thing, present: -popular[thing],
        "adversarial": lambda thing, present: -sum(pairs[thing, other] for other in present),
    }
    return {setting: list(_poll(files, there, rank)) for setting, rank in ranks.items()}


def _poll(
    files: Sequence[str], there: Sequence[list[str]], rank: Callable[[str, list[str]], float]
) -> Iterator[Row]:
    """The rows of one setting; of what is not there, the first ones by `rank` are asked about."""
    number = 0
    for file, present in zip(files, there, strict=True):
        others = sorted((t for t in THINGS if t not in present), key=lambda thing: rank(thing, present))
        asked = [(thing, "yes") for thing in present] + [(thing, "no") for thing in others[: len(present)]]
        for thing, label in asked:
            number += 1
            text = PRESENCE[0].format(thing=thing)
            yield {"question_id": number, "image": file, "text": text, "label": label}


def choices(pictures: Sequence[bytes], shown: Shown, rng: np.random.Generator) -> Iterator[Row]:
    """MMBench's rows. Its two levels of categories are the attributes, and whose they are."""
    attributes = [(name, "subject") for name in NAMEABLE] + [(name, "scene") for name in SCENE]
    for number in range(CHOICES * len(pictures)):
        photo = number // CHOICES
        attribute, group = attributes[number % len(attributes)]
        asked = choice(NAME, *shown[photo], attribute, rng)
        yield {
            "index": number,
            "question": asked["question"],
            **dict(zip("AB", asked["options"], strict=True)),
            "answer": "AB"[asked["answer"]],
            "category": attribute,
            "l2-category": group,
            "image": base64.b64encode(pictures[photo]).decode(),
            "split": "dev",
        }
