"""The stage itself: ask everything in one pass and write the tables.

Truth is an explicit column of every row, never read off a path. What the answers amount to is the report's
business; only the strict parsing belongs to the asking.
"""

from typing import Any

from stages.core import images, io, paths, schema
from stages.evaluate import chats, choices, recognition, validation
from stages.evaluate.exam import Exam
from stages.evaluate.photos import Photo
from stages.methods.interface import Answering, Ask

THUMBNAIL = 112  # longest side, pixels
Row = dict[str, Any]
Rows = list[Row]


def evaluate(answering: Answering, exam: Exam, method: str, *, max_new_tokens: int) -> dict[str, int]:
    """Write data/predictions/<method>/*.parquet and return how many photos and answers there are."""
    photos, questions = exam.photos, exam.questions
    chat: list[tuple[Row, Ask]] = []
    for subject in questions:
        spoken = io.read_parquet(paths.conversations(subject), schema.CONVERSATIONS)
        chat += chats.asks(subject, photos, spoken, max_new_tokens, answering)

    shown = [photo.path for photo in photos] + [picture.image for picture in exam.seen]
    test, chosen = recognition.asks(photos, questions, answering), choices.asks(questions, photos, answering)
    seen = validation.asks(exam.seen, len(photos), answering)
    answers = iter(answering.answers(shown, [ask for _, ask in test + seen + chosen + chat]))
    recognized = [recognition.answered(row, next(answers)) for row, _ in test]
    validated = [recognition.answered(row, next(answers)) for row, _ in seen]
    decided = [choices.answered(row, next(answers)) for row, _ in chosen]
    chatted = [chats.answered(row, next(answers)) for row, _ in chat]
    write_tables(method, exam, answering, recognized, validated, decided, chatted)
    return {"photos": len(photos), "recognition": len(recognized), "questions": len(decided)}


def write_tables(
    method: str,
    exam: Exam,
    answering: Answering,
    recognized: Rows,
    validated: Rows,
    decided: Rows,
    chatted: Rows,
) -> None:
    """Write data/predictions/<method>/*.parquet."""
    small = [thumbnail(photo) for photo in exam.photos]
    known = [
        {"method": name, "title": title, "subject": subject} | answering.cost(name, subject)._asdict()
        for name, title in answering.titles.items()
        for subject in exam.questions
    ]
    for name, rows, columns, sort_by in (
        ("recognition", recognized, schema.RECOGNITION, recognition.SORT_BY),
        ("validation", validated, schema.VALIDATION, validation.SORT_BY),
        ("questions", decided, schema.QUESTIONS, choices.SORT_BY),
        ("conversations", chatted, schema.SAMPLE_CONVERSATIONS, chats.SORT_BY),
        ("methods", known, schema.METHODS, ("method", "subject")),
        ("photos", small, schema.TEST_PHOTOS, ("owner", "group", "photo")),
    ):
        io.write_parquet(paths.predictions(method, name), rows, columns, sort_by)


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
