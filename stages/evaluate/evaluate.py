"""The stage itself: ask everything in one pass and write the tables.

Truth is an explicit column of every row, never read off a path. What the answers amount to is the report's
business; only the strict parsing belongs to the asking.
"""

from types import ModuleType
from typing import Any, NamedTuple

import pyarrow as pa

from common.core import images, io, paths, schema
from common.core import seed as seeds
from common.methods.interface import Request, Responder
from stages.evaluate import (
    captions,
    general_vqa,
    multiple_choice,
    open_answers,
    recognition,
    sample_dialogs,
    threshold_set,
    two_subjects,
)
from stages.evaluate.eval_set import EvalSet
from stages.evaluate.photos import EvalPhoto

THUMBNAIL = 112  # longest side, pixels
Row = dict[str, Any]
Requests = list[tuple[Row, Request]]


class Sizes(NamedTuple):
    """How much is asked."""

    max_new_tokens: int  # of a free answer, and of a caption
    general_subjects: int  # how many of them are in place, one at a time, for the general questions
    captioned_others: int  # photos of others that a caption is asked of, per subject


def evaluate(responder: Responder, eval_set: EvalSet, method: str, sizes: Sizes, seed: int) -> dict[str, int]:
    """Write data/predictions/<method>/*.parquet and return how many photos and answers there are."""
    photos, subjects = eval_set.photos, eval_set.questions
    first_threshold_image = len(photos)  # the number of the first of them
    first_two_subject_photo = first_threshold_image + len(eval_set.threshold_images)
    chat: Requests = []
    caption: Requests = []
    for subject in subjects:
        spoken = io.read_parquet(paths.conversations(subject), schema.CONVERSATIONS)
        chat += sample_dialogs.build_requests(subject, photos, spoken, sizes.max_new_tokens, responder)
        shown = captions.chosen(subject, photos, sizes.captioned_others, seed)
        caption += captions.build_requests(subject, photos, shown, sizes.max_new_tokens, responder)
    some = draw_subjects(list(subjects), sizes.general_subjects, seed)
    parts: dict[str, tuple[ModuleType, Requests, pa.Schema]] = {
        "recognition": (
            recognition,
            recognition.build_requests(photos, subjects, responder),
            schema.RECOGNITION,
        ),
        "threshold_set": (
            threshold_set,
            threshold_set.build_requests(eval_set.threshold_images, first_threshold_image, responder),
            schema.THRESHOLD_SET,
        ),
        "questions": (
            multiple_choice,
            multiple_choice.build_requests(subjects, photos, responder),
            schema.QUESTIONS,
        ),
        "open_answers": (
            open_answers,
            open_answers.build_requests(subjects, photos, sizes.max_new_tokens, responder),
            schema.OPEN_ANSWERS,
        ),
        "conversations": (sample_dialogs, chat, schema.SAMPLE_CONVERSATIONS),
        "captions": (captions, caption, schema.CAPTIONS),
        "two_subjects": (
            two_subjects,
            two_subjects.build_requests(eval_set.two_subjects, first_two_subject_photo, subjects, responder),
            schema.TWO_SUBJECTS,
        ),
        "general": (
            general_vqa,
            general_vqa.build_requests(
                eval_set.general, first_two_subject_photo + len(eval_set.two_subject_photos), some, responder
            ),
            schema.GENERAL,
        ),
    }
    requests = list(
        dict.fromkeys(request for _, asked, _ in parts.values() for _, request in asked)
    )  # each once
    found = dict(zip(requests, responder.answers(eval_set.shown, requests), strict=True))
    for name, (part, asked, columns) in parts.items():
        rows = [part.parse_response(row, found[request]) for row, request in asked]
        io.write_parquet(paths.predictions(method, name), rows, columns, part.SORT_BY)
    _write_costs_and_thumbnails(method, eval_set, responder)
    return {"photos": len(eval_set.shown)} | {name: len(asked) for name, (_, asked, _) in parts.items()}


def draw_subjects(subjects: list[str], count: int, seed: int) -> list[str]:
    """Some of the subjects, in their order, drawn so that a new one changes few draws."""
    lots = {s: seeds.stream(seed, "evaluate", "general", s).random() for s in subjects}
    drawn = sorted(subjects, key=lots.__getitem__)[:count]
    return [subject for subject in subjects if subject in drawn]


def _write_costs_and_thumbnails(method: str, eval_set: EvalSet, responder: Responder) -> None:
    """What the report needs besides answers: what each method costs, and the test photos, small."""
    known = [
        {"method": name, "title": title, "subject": subject} | responder.cost(name, subject)._asdict()
        for name, title in responder.titles.items()
        for subject in eval_set.questions
    ]
    small = [thumbnail(photo) for photo in eval_set.photos]
    for name, rows, columns, sort_by in (
        ("methods", known, schema.METHODS, ("method", "subject")),
        ("photos", small, schema.TEST_PHOTOS, ("owner", "group", "photo")),
    ):
        io.write_parquet(paths.predictions(method, name), rows, columns, sort_by)


def thumbnail(photo: EvalPhoto) -> Row:
    """A row of TEST_PHOTOS: the photo, small, so that the report need not open truth folders."""
    data = images.thumbnail(images.load_image(photo.path), THUMBNAIL)
    return {
        "owner": photo.owner,
        "group": photo.group,
        "photo": photo.path.name,
        "photo_sha256": photo.sha256,
        "image": {"bytes": data, "path": photo.path.with_suffix(".jpg").name},
    }
