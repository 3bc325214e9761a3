"""Draws the corpus: web-like captioned images with a URL list, in which every subject has look-alikes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from common.core.errors import UserError
from common.core.io import write_parquet
from common.core.paths import CORPUS_IMAGES, CORPUS_URLS
from common.core.progress import bar
from common.core.seed import stream
from common.world.attributes import Individual, draw_individual, draw_scene, lookalike
from common.world.draw import sprite, view
from common.world.text import caption
from stages.render.subjects import LOOKALIKES, png

HOST = "http://corpus.example/"  # reserved for examples: never a real server
SCHEMA = pa.schema(
    [
        pa.field("url", pa.string(), metadata={"description": "where the image is said to be"}),
        pa.field("caption", pa.string(), metadata={"description": "alternative text of the image"}),
    ]
)


def write_corpus(
    folder: Path, subjects: Mapping[str, Individual], *, size: int, corpus_lookalikes: int, seed: int
) -> None:
    """Fills `folder` with `size` images: `look_alikes` look-alikes of each subject, and strangers.

    Their order is random. The files are written plainly: `folder` is one that `whole_folder` gives.

    Raises:
        UserError: the corpus is too small for the look-alikes.

    """
    rng = stream(seed, "render", "corpus")
    changes = list(LOOKALIKES.values())
    shown = [
        lookalike(who, rng, changes[number % len(changes)])
        for who in subjects.values()
        for number in range(corpus_lookalikes)
    ]
    if len(shown) > size:
        raise UserError(
            f"params.yaml: world.corpus is {size}, but {len(subjects)} subjects with world.corpus_lookalikes "
            f"{corpus_lookalikes} need {len(shown)}: make the corpus larger"
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
