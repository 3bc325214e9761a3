"""What the tests of `commands.convert` share: a subject with all that is exchanged, and what became of it."""

from collections import Counter
from pathlib import Path
from typing import Any

from common.core import io, paths, schema
from common.core.images import load_image, photo_row
from common.prompts.recognition import templates
from stages.assemble import dataset
from stages.assemble.augment import Strength
from tests.support.helpers import save_photo, set_params
from tests.support.vlm_helpers import noise_images

TALK = [  # kind, photo, question, answer
    ("qa", "00.png", "What color is <bo>?", "<bo> is red."),
    ("qa", "00.png", "What is <bo>?", 'A "dog" ünter a box.'),
    ("qa", "01.png", "What color is <bo>?", "<bo> is boring and red."),
    ("caption", "00.png", "Describe <bo>.", "<bo> is next to a box."),
    ("caption", "00.png", "Write a caption.", "A dog in the city."),
    ("caption", "01.png", "Describe <bo>.", "<bo> is red, <bo> is here."),
]
DESCRIPTIONS = [
    ("description_short", None, "Describe <bo>.", "<bo> is red."),
    ("description_long", None, "Describe <bo>.", "<bo> is red. It sits."),
    ("dropped", "01.png", "Who?", None),
]
Row = dict[str, Any]


def make_subject() -> Path:
    """Give `bo` photos, conversations and a training set; return its folder of train photos."""
    set_params({"subjects": {"bo": {"kind": "pet", "source": "own"}}})
    folder = paths.train_photos("bo", "own")
    photos = [photo_row(save_photo(folder / f"{i:02d}.png", 50 * i)) for i in range(2)]
    spoken = [
        dict(zip(("kind", "photo", "question", "answer"), row, strict=True))
        | {"turn": turn, "photo_sha256": next((p["sha256"] for p in photos if row[1] in p["source"]), None)}
        for turn, row in enumerate(TALK + DESCRIPTIONS, 3)
        if row[1]
    ] + [dict(zip(("kind", "photo", "question", "answer"), row, strict=True)) for row in DESCRIPTIONS[:2]]
    write(paths.conversations("bo"), spoken, schema.CONVERSATIONS, ["photo", "turn"])

    pictures = [
        dataset.SourceImage("positive", load_image(p["image"]["bytes"]), p["source"], p["sha256"])
        for p in photos
    ]
    others = [
        dataset.SourceImage(role, image, f"http://corpus.example/{i}.png", f"{i}", 0.5)
        for i, (role, image) in enumerate(zip(["hard", "hard", "easy"], noise_images(3), strict=True))
    ]
    recipe = dataset.DatasetRecipe(0, 32, 2, Strength(0.1, 0.1, 5, 0.1, 0.01), templates("drawn"))
    rows = dataset.rows("bo", pictures, others, [row for row in spoken if row["kind"] == "qa"], recipe)
    write(paths.dataset("bo"), rows, schema.DATASET, ["sample"])
    return folder


def write(path: Path, rows: list[Row], columns: Any, sort_by: list[str]) -> None:
    io.write_parquet(path, [dict.fromkeys(columns.names) | row for row in rows], columns, sort_by)


def talk(*columns: str) -> Counter:
    """The chosen columns of all conversations."""
    rows = io.read_parquet(paths.conversations("bo"), schema.CONVERSATIONS).to_pylist()
    return Counter(tuple(row[column] for column in columns) for row in rows)


def samples(split: str, *columns: str) -> Counter:
    """The chosen columns of the training set."""
    rows = io.read_parquet(paths.dataset("bo"), schema.DATASET).to_pylist()
    return Counter(tuple(row[column] for column in columns) for row in rows if row["split"] == split)
