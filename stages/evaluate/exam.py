"""Everything about the test that needs no model: gathered, and refused if unfit, before one is loaded.

A training set is opened for one thing only: what it must not contain.
"""

from collections.abc import Mapping
from typing import NamedTuple

from stages.core import io, paths, schema
from stages.core.truth import Questions, load_questions
from stages.evaluate.photos import Photo, gallery, refuse_leaks


class Exam(NamedTuple):
    """What is asked of all subjects; questions by subject."""

    photos: list[Photo]
    questions: dict[str, Questions]


def prepare(sources: Mapping[str, str]) -> Exam:
    """Gather the test of these subjects (id → "world" or "own").

    Raises UserError when a test photo was trained on or a questions file is malformed.
    """
    photos = gallery(sources)
    questions = {subject: load_questions(subject, source) for subject, source in sources.items()}
    for subject in sources:
        dataset = io.read_parquet(paths.dataset(subject), schema.DATASET)
        refuse_leaks(photos, subject, set(dataset["source_sha256"].drop_null().to_pylist()))
    return Exam(photos, questions)
