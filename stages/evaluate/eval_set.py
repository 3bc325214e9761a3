"""Everything about the test that needs no model: gathered, and refused if unfit, before one is loaded.

A training set is opened for two things: what it must not contain, and the photos a threshold is chosen on.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from common.core import io, paths, schema
from common.testdata import general_vqa
from common.testdata.general_vqa import GeneralQuestion
from common.testdata.ground_truth import Questions, TwoSubjectPhoto, load_questions, load_two_subjects
from stages.evaluate import threshold_set
from stages.evaluate.photos import EvalPhoto, gallery, refuse_leaks, two_subject_photos
from stages.evaluate.threshold_set import ThresholdImage


class EvalSet(NamedTuple):
    """What is asked of all subjects; questions by subject, and photos that training has seen."""

    photos: list[EvalPhoto]
    questions: dict[str, Questions]
    threshold_images: list[ThresholdImage]
    two_subject_photos: list[EvalPhoto]  # those of `two_subjects`, in its order
    two_subjects: list[TwoSubjectPhoto]
    general: list[GeneralQuestion]

    @property
    def shown(self) -> list[Path | bytes]:
        """All photos, in this order: test photos, seen ones, those of two, those of the general questions."""
        return [
            *(photo.path for photo in self.photos),
            *(picture.image for picture in self.threshold_images),
            *(photo.path for photo in self.two_subject_photos),
            *general_vqa.photos(self.general),
        ]


def load_eval_set(
    sources: Mapping[str, str],
    two_subjects: Path,
    general_questions: Path,
    threshold_negatives: int,
    seed: int,
) -> EvalSet:
    """Gather the test of these subjects (id → "world" or "own"), photos of two, and general questions.

    Of the photos that training has seen it takes the positives, and so many of the negatives of each kind.
    Raises UserError when a test photo was trained on or a questions file is malformed.
    """
    rows = load_two_subjects(two_subjects)
    photos, shared = gallery(sources), two_subject_photos(two_subjects, rows)
    questions = {subject: load_questions(subject, source) for subject, source in sources.items()}
    threshold_images = []
    for subject in sources:
        dataset = io.read_parquet(paths.dataset(subject), schema.DATASET)
        refuse_leaks(photos + shared, subject, set(dataset["source_sha256"].drop_null().to_pylist()))
        threshold_images += threshold_set.sample(subject, dataset, threshold_negatives, seed)
    return EvalSet(
        photos, questions, threshold_images, shared, rows, general_vqa.load_general_vqa(general_questions)
    )
