"""The stage itself: ask everything in one pass over the photos and write the tables.

Truth is an explicit column of every row, never read off a path. What the answers amount to is the report's
business; only the strict parsing belongs to the asking.
"""

import io as memory
from typing import Any

from stages import vlm
from stages.core import images, io, paths, schema
from stages.evaluate import chats, choices, recognition
from stages.evaluate.ask import Ask, Task, answer_all
from stages.evaluate.definitions import Definition, definitions
from stages.evaluate.exam import Exam
from stages.evaluate.photos import Photo

THUMBNAIL = 112  # longest side, pixels
TABLES = {
    "recognition": (schema.RECOGNITION, recognition.SORT_BY),
    "questions": (schema.QUESTIONS, choices.SORT_BY),
    "conversations": (schema.SAMPLE_CONVERSATIONS, chats.SORT_BY),
    "photos": (schema.TEST_PHOTOS, ("owner", "group", "photo")),
}
Row = dict[str, Any]


def evaluate(
    base: vlm.Base, exam: Exam, *, seed: int, batch_size: int, max_new_tokens: int
) -> dict[str, int]:
    """Write data/predictions/*.parquet and return how many rows each table has.

    Raises UserError when a soft prompt is missing or belongs to another base model.
    """
    photos, questions = exam.photos, exam.questions
    prompts = {subject: vlm.SoftPrompt.load(paths.subject_model(subject), base) for subject in exam.majority}
    known: dict[str, dict[str, Definition]] = {}
    chat: list[tuple[Row, Ask]] = []
    for subject in prompts:
        spoken = io.read_parquet(paths.conversations(subject), schema.CONVERSATIONS)
        known[subject] = definitions(base, subject, prompts, spoken, seed)
        chat += chats.asks(subject, photos, known[subject], spoken, Task(max_new_tokens))

    seen, chosen = recognition.asks(photos, known), choices.asks(questions, photos, known)
    answers = iter(answer_all(base, photos, [ask for _, ask in seen + chosen + chat], batch_size))
    recognized = [recognition.answered(row, next(answers)) for row, _ in seen]
    decided = [choices.answered(row, next(answers)) for row, _ in chosen]
    chatted = [chats.answered(row, next(answers)) for row, _ in chat]
    tables = {
        "recognition": recognized + recognition.constant(photos, exam.majority),
        "questions": decided + choices.constant(questions),
        "conversations": chatted,
        "photos": [thumbnail(photo) for photo in photos],
    }
    for name, (columns, sort_by) in TABLES.items():
        io.write_parquet(paths.predictions(name), tables[name], columns, sort_by)
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
