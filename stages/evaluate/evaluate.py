"""The stage itself: gather what is asked, ask it in one pass over the photos, write the tables.

Truth is an explicit column of every row, never read off a path. What the answers amount to is the report's
business; only the strict parsing belongs to the asking.
"""

import io as memory
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from stages import vlm
from stages.core import images, io, paths, schema
from stages.evaluate import chats, choices, recognition
from stages.evaluate.ask import Ask, Task, answer_all
from stages.evaluate.definitions import definitions, majority_answer
from stages.evaluate.photos import Photo, gallery, load_questions, refuse_leaks

THUMBNAIL = 112  # longest side, pixels
Row = dict[str, Any]


def evaluate(
    base: vlm.Base, sources: Mapping[str, str], *, seed: int, batch_size: int, max_new_tokens: int
) -> dict[str, int]:
    """Write data/predictions/*.parquet for these subjects (id → "world" or "own"); return their lengths.

    Raises UserError when a test photo was trained on or a questions file is malformed.
    """
    photos = gallery(sources)
    questions = {subject: load_questions(subject, source) for subject, source in sources.items()}
    prompts = {subject: vlm.SoftPrompt.load(paths.subject_model(subject)) for subject in sources}
    known, majority = {}, {}
    chat: list[tuple[Row, Ask]] = []
    for subject in sources:
        dataset = io.read_parquet(paths.dataset(subject), schema.DATASET)
        refuse_leaks(photos, subject, set(dataset["image_sha256"].drop_null().to_pylist()))
        majority[subject] = majority_answer(dataset)
        spoken = io.read_parquet(paths.conversations(subject), schema.CONVERSATIONS)
        known[subject] = definitions(base, subject, prompts, spoken, seed)
        chat += chats.asks(subject, photos, known[subject], spoken, Task(max_new_tokens))

    seen, chosen = recognition.asks(photos, known), choices.asks(questions, photos, known)
    answers = iter(answer_all(base, photos, [ask for _, ask in seen + chosen + chat], batch_size))
    tables = {
        "recognition": [recognition.answered(row, next(answers)) for row, _ in seen]
        + recognition.constant(photos, majority),
        "questions": [choices.answered(row, next(answers)) for row, _ in chosen]
        + choices.constant(questions),
        "conversations": [chats.answered(row, next(answers)) for row, _ in chat],
        "photos": [thumbnail(photo) for photo in photos],
    }
    _write("recognition", tables, schema.RECOGNITION, recognition.SORT_BY)
    _write("questions", tables, schema.QUESTIONS, choices.SORT_BY)
    _write("conversations", tables, schema.SAMPLE_CONVERSATIONS, chats.SORT_BY)
    _write("photos", tables, schema.TEST_PHOTOS, ("owner", "group", "photo"))
    return {name: len(rows) for name, rows in tables.items()}


def thumbnail(photo: Photo) -> Row:
    """A row of TEST_PHOTOS: the photo, small, so that the report need not open truth folders."""
    small = images.load_image(photo.path)
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    file = memory.BytesIO()
    small.save(file, "JPEG", quality=85)
    return {
        "owner": photo.owner,
        "group": photo.group,
        "photo": photo.path.name,
        "photo_sha256": photo.sha256,
        "image": {"bytes": file.getvalue(), "path": photo.path.with_suffix(".jpg").name},
    }


def _write(
    name: str, tables: Mapping[str, Sequence[Row]], columns: pa.Schema, sort_by: Sequence[str]
) -> None:
    io.write_parquet(paths.predictions(name), tables[name], columns, sort_by)
