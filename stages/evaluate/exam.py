"""Everything about the test that needs no model: gathered, and refused if unfit, before one is loaded.

A training set is opened for two things only: what it must not contain, and its more frequent answer.
"""

from collections.abc import Mapping
from typing import NamedTuple

import pyarrow as pa

from stages.core import io, paths, schema
from stages.core.truth import Questions, load_questions
from stages.evaluate.photos import Photo, gallery, refuse_leaks


class Exam(NamedTuple):
    """What is asked of all subjects; questions and majority answers by subject."""

    photos: list[Photo]
    questions: dict[str, Questions]
    majority: dict[str, str]


def prepare(sources: Mapping[str, str]) -> Exam:
    """Gather the test of these subjects (id → "world" or "own").

    Raises UserError when a test photo was trained on, a questions file is malformed, or a removed subject's
    soft prompt is still there.
    """
    io.refuse_strays([*map(paths.subject_model, sources), *map(paths.train_curve, sources)])
    photos, majority = gallery(sources), {}
    questions = {subject: load_questions(subject, source) for subject, source in sources.items()}
    for subject in sources:
        dataset = io.read_parquet(paths.dataset(subject), schema.DATASET)
        refuse_leaks(photos, subject, set(dataset["source_sha256"].drop_null().to_pylist()))
        majority[subject] = majority_answer(dataset)
    return Exam(photos, questions, majority)


def majority_answer(dataset: pa.Table) -> str:
    """The more frequent recognition answer of a training set, "Yes" or "No"; a tie is "No".

    A constant answer scores .5 weighted whatever it is; it stands in the tables to show just that.
    """
    rows = dataset.select(["split", "label"]).to_pylist()
    labels = [row["label"] for row in rows if row["split"] == "train"]
    return "Yes" if labels.count("yes") > labels.count("no") else "No"
