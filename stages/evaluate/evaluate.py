"""The stage itself: ask everything in one pass and write the tables.

Truth is an explicit column of every row, never read off a path. What the answers amount to is the report's
business; only the strict parsing belongs to the asking.
"""

from types import ModuleType
from typing import Any, NamedTuple

import pyarrow as pa

from stages.core import images, io, paths, schema
from stages.core import seed as seeds
from stages.evaluate import (
    captions,
    chats,
    choices,
    general,
    open_answers,
    recognition,
    together,
    validation,
)
from stages.evaluate.exam import Exam
from stages.evaluate.photos import Photo
from stages.methods.interface import Answering, Ask

THUMBNAIL = 112  # longest side, pixels
Row = dict[str, Any]
Asked = list[tuple[Row, Ask]]


class Sizes(NamedTuple):
    """How much is asked."""

    max_new_tokens: int  # of a free answer, and of a caption
    general_subjects: int  # how many of them are in place, one at a time, for the general questions
    captioned_others: int  # photos of others that a caption is asked of, per subject


def evaluate(answering: Answering, exam: Exam, method: str, sizes: Sizes, seed: int) -> dict[str, int]:
    """Write data/predictions/<method>/*.parquet and return how many photos and answers there are."""
    photos, subjects = exam.photos, exam.questions
    seen = len(photos)  # the number of the first of them
    of_two = seen + len(exam.seen)
    chat: Asked = []
    caption: Asked = []
    for subject in subjects:
        spoken = io.read_parquet(paths.conversations(subject), schema.CONVERSATIONS)
        chat += chats.asks(subject, photos, spoken, sizes.max_new_tokens, answering)
        shown = captions.chosen(subject, photos, sizes.captioned_others, seed)
        caption += captions.asks(subject, photos, shown, sizes.max_new_tokens, answering)
    some = draw_subjects(list(subjects), sizes.general_subjects, seed)
    parts: dict[str, tuple[ModuleType, Asked, pa.Schema]] = {
        "recognition": (recognition, recognition.asks(photos, subjects, answering), schema.RECOGNITION),
        "validation": (validation, validation.asks(exam.seen, seen, answering), schema.VALIDATION),
        "questions": (choices, choices.asks(subjects, photos, answering), schema.QUESTIONS),
        "open_answers": (
            open_answers,
            open_answers.asks(subjects, photos, sizes.max_new_tokens, answering),
            schema.OPEN_ANSWERS,
        ),
        "conversations": (chats, chat, schema.SAMPLE_CONVERSATIONS),
        "captions": (captions, caption, schema.CAPTIONS),
        "together": (together, together.asks(exam.together, of_two, subjects, answering), schema.TOGETHER),
        "general": (
            general,
            general.asks(exam.general, of_two + len(exam.of_two), some, answering),
            schema.GENERAL,
        ),
    }
    asks = list(dict.fromkeys(ask for _, asked, _ in parts.values() for _, ask in asked))  # each once
    found = dict(zip(asks, answering.answers(exam.shown, asks), strict=True))
    for name, (part, asked, columns) in parts.items():
        rows = [part.answered(row, found[ask]) for row, ask in asked]
        io.write_parquet(paths.predictions(method, name), rows, columns, part.SORT_BY)
    _write_material(method, exam, answering)
    return {"photos": len(exam.shown)} | {name: len(asked) for name, (_, asked, _) in parts.items()}


def draw_subjects(subjects: list[str], count: int, seed: int) -> list[str]:
    """Some of the subjects, in their order, drawn so that a new one changes few draws."""
    lots = {s: seeds.stream(seed, "evaluate", "general", s).random() for s in subjects}
    drawn = sorted(subjects, key=lots.__getitem__)[:count]
    return [subject for subject in subjects if subject in drawn]


def _write_material(method: str, exam: Exam, answering: Answering) -> None:
    """What the report needs besides answers: what each method costs, and the test photos, small."""
    known = [
        {"method": name, "title": title, "subject": subject} | answering.cost(name, subject)._asdict()
        for name, title in answering.titles.items()
        for subject in exam.questions
    ]
    small = [thumbnail(photo) for photo in exam.photos]
    for name, rows, columns, sort_by in (
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
