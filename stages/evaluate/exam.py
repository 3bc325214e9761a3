"""Everything about the test that needs no model: gathered, and refused if unfit, before one is loaded.

A training set is opened for two things: what it must not contain, and the photos a threshold is chosen on.
"""

from collections.abc import Mapping
from typing import NamedTuple

from stages.core import io, paths, schema
from stages.core.truth import Questions, load_questions
from stages.evaluate import validation
from stages.evaluate.photos import Photo, gallery, refuse_leaks
from stages.evaluate.validation import Seen


class Exam(NamedTuple):
    """What is asked of all subjects; questions by subject, and photos that training has seen."""

    photos: list[Photo]
    questions: dict[str, Questions]
    seen: list[Seen]


def prepare(sources: Mapping[str, str], validation_negatives: int, seed: int) -> Exam:
    """Gather the test of these subjects (id → "world" or "own").

    Of the photos that training has seen it takes the positives, and so many of the negatives of each kind.
    Raises UserError when a test photo was trained on or a questions file is malformed.
    """
    photos = gallery(sources)
    questions = {subject: load_questions(subject, source) for subject, source in sources.items()}
    seen = []
    for subject in sources:
        dataset = io.read_parquet(paths.dataset(subject), schema.DATASET)
        refuse_leaks(photos, subject, set(dataset["source_sha256"].drop_null().to_pylist()))
        seen += validation.sample(subject, dataset, validation_negatives, seed)
    return Exam(photos, questions, seen)
