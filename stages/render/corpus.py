"""Draws the corpus: web-like captioned images with a URL list, in which every subject has look-alikes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from stages.core.errors import UserError
from stages.core.io import write_parquet
from stages.core.paths import CORPUS_IMAGES, CORPUS_URLS
from stages.core.progress import bar
from stages.core.seed import stream
from stages.render.subjects import SIBLINGS, png
from stages.world.attributes import Individual, draw_individual, draw_scene, sibling
from stages.world.draw import sprite, view
from stages.world.text import caption

HOST = "http://corpus.example/"  # reserved for examples: never a real server
SCHEMA = pa.schema(
    [
        pa.field("url", pa.string(), metadata={"description": "where the image is said to be"}),
        pa.field("caption", pa.string(), metadata={"description": "alternative text of the image"}),
    ]
)


def write_corpus(
    folder: Path, subjects: Mapping[str, Individual], *, size: int, look_alikes: int, seed: int
) -> None:
    """Fills `folder` with `size` images: `look_alikes` siblings of each subject, and strangers.

    Their order is random. The files are written plainly: `folder` is one that `whole_folder` gives.

    Raises:
        UserError: the corpus is too small for the look-alikes.

    """
    rng = stream(seed, "render", "corpus")
    changes = list(SIBLINGS.values())
    shown = [
        sibling(who, rng, changes[number % len(changes)])
        for who in subjects.values()
        for number in range(look_alikes)
    ]
    if len(shown) > size:
        raise UserError(
            f"params.yaml: world.corpus is {size}, but {len(subjects)} subjects with world.look_alikes "
            f"{look_alikes} need {len(shown)}: make the corpus larger"
        )
    shown += [draw_individual(rng) for _ in range(size - len(shown))]
    images, rows = folder / CORPUS_IMAGES.name, []
    images.mkdir(parents=True)
    for number, index in enumerate(bar(rng.permutation(size), "render")):
        who, scene = shown[index], draw_scene(rng)
        file = f"{number:06d}.png"
        (images / file).write_bytes(png(view(sprite(who), scene, rng)))
        rows.append({"url": HOST + file, "caption": caption(who, scene)})
    write_parquet(folder / CORPUS_URLS.name, rows, SCHEMA, ["url"])
