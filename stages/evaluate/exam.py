"""Everything about the test that needs no model: gathered, and refused if unfit, before one is loaded.

A training set is opened for two things: what it must not contain, and the photos a threshold is chosen on.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from stages.core import general, io, paths, schema
from stages.core.general import General
from stages.core.truth import Questions, Together, load_questions, load_together
from stages.evaluate import validation
from stages.evaluate.photos import Photo, gallery, of_two, refuse_leaks
from stages.evaluate.validation import Seen


class Exam(NamedTuple):
    """What is asked of all subjects; questions by subject, and photos that training has seen."""

    photos: list[Photo]
    questions: dict[str, Questions]
    seen: list[Seen]
    of_two: list[Photo]  # those of `together`, in its order
    together: list[Together]
    general: list[General]

    @property
    def shown(self) -> list[Path | bytes]:
        """All photos, in this order: test photos, seen ones, those of two, those of the general questions."""
        return [
            *(photo.path for photo in self.photos),
            *(picture.image for picture in self.seen),
            *(photo.path for photo in self.of_two),
            *general.photos(self.general),
        ]


def prepare(
    sources: Mapping[str, str], together: Path, general_questions: Path, validation_negatives: int, seed: int
) -> Exam:
    """Gather the test of these subjects (id → "world" or "own"), photos of two, and general questions.

    Of the photos that training has seen it takes the positives, and so many of the negatives of each kind.
    Raises UserError when a test photo was trained on or a questions file is malformed.
    """
    rows = load_together(together)
    photos, shared = gallery(sources), of_two(together, rows)
    questions = {subject: load_questions(subject, source) for subject, source in sources.items()}
    seen = []
    for subject in sources:
        dataset = io.read_parquet(paths.dataset(subject), schema.DATASET)
        refuse_leaks(photos + shared, subject, set(dataset["source_sha256"].drop_null().to_pylist()))
        seen += validation.sample(subject, dataset, validation_negatives, seed)
    return Exam(photos, questions, seen, shared, rows, general.load_general(general_questions))
