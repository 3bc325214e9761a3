"""The stage itself: ask everything in one pass over the photos and write the tables.

Truth is an explicit column of every row, never read off a path. What the answers amount to is the report's
business; only the strict parsing belongs to the asking.
"""

from collections.abc import Sequence
from typing import Any

from stages import vlm
from stages.core import images, io, paths, schema
from stages.evaluate import chats, choices, recognition
from stages.evaluate.ask import Ask, Task, answer_all
from stages.evaluate.definitions import Definition, definitions
from stages.evaluate.exam import Exam
from stages.evaluate.photos import Photo

THUMBNAIL = 112  # longest side, pixels
Row = dict[str, Any]
Rows = list[Row]


def evaluate(
    base: vlm.Base, exam: Exam, *, seed: int, batch_size: int, max_new_tokens: int
) -> dict[str, int]:
    """Write data/predictions/*.parquet and return how many photos and answers there are.

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
    recognized += recognition.constant(photos, exam.majority)
    decided += choices.constant(questions)
    write_tables(recognized, decided, chatted, photos)
    return {"photos": len(photos), "recognition": len(recognized), "questions": len(decided)}


def write_tables(recognized: Rows, decided: Rows, chatted: Rows, photos: Sequence[Photo]) -> None:
    """Write data/predictions/*.parquet."""
    small = [thumbnail(photo) for photo in photos]
    for name, rows, columns, sort_by in (
        ("recognition", recognized, schema.RECOGNITION, recognition.SORT_BY),
        ("questions", decided, schema.QUESTIONS, choices.SORT_BY),
        ("conversations", chatted, schema.SAMPLE_CONVERSATIONS, chats.SORT_BY),
        ("photos", small, schema.TEST_PHOTOS, ("owner", "group", "photo")),
    ):
        io.write_parquet(paths.predictions(name), rows, columns, sort_by)


def thumbnail(photo: Photo) -> Row:
    """A row of TEST_PHOTOS: the photo, small, so that the report need not open truth folders."""
    data = images.thumbnail(images.load_image(photo.path), THUMBNAIL)
    return {
        "owner": photo.owner,
        "group": photo.group,
        "photo": photo.path.name,
        "photo_sha256": photo.sha256,
        "image": {"bytes": data, "path": photo.path.with_suffix(".jpg").name},
    }
