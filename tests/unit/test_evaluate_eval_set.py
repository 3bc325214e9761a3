"""What the test consists of, and which answers the controls stand for."""

import shutil

import pyarrow as pa
import pytest

from common.core import paths, schema
from common.core.errors import UserError
from common.methods.interface import Backbones
from common.methods.soft_prompt.method import SoftPrompts, majority_answer, other_subject
from stages.evaluate.benchmarks import BENCHMARKS, open_benchmarks
from stages.evaluate.benchmarks.threshold_set import draw_images
from stages.evaluate.eval_set import load_eval_set
from stages.report.report import TABLES
from tests.support.predictions import SETTINGS
from tests.support.subjects import populate


def dataset(*labels: str | None, split: str = "train") -> pa.Table:
    return pa.table({"split": [split] * len(labels), "label": pa.array(labels, pa.string())})


def test_the_majority_answer_ignores_text_and_a_tie_is_no():
    assert majority_answer(dataset("yes", "yes", "no", None, None)) == "Yes"
    assert majority_answer(dataset("yes", "no", None)) == "No"
    assert majority_answer(dataset("yes", split="validation")) == "No"


def test_another_subject_is_never_the_subject_and_a_new_subject_changes_few_draws():
    subjects = [f"s{i}" for i in range(30)]
    before = {subject: other_subject(subject, dict.fromkeys(subjects), 0) for subject in subjects}
    after = {subject: other_subject(subject, dict.fromkeys([*subjects, "new"]), 0) for subject in subjects}
    assert all(subject != other for subject, other in before.items())
    assert all(after[s] in (before[s], "new") for s in subjects)
    assert sum(after[s] == "new" for s in subjects) < 6


def test_truth_is_explicit_and_own_subjects_do_without_siblings(workspace):
    populate({"bo": "world", "my-dog": "own"})
    eval_set = load_eval_set({"bo": "world", "my-dog": "own"}, SETTINGS, 0)
    photos = eval_set.photos.values()
    assert sum(photo.shows("bo") for photo in photos) == 3
    assert sum(photo.asked_about("bo") for photo in photos) == 3 + 6 + 3
    assert sum(photo.asked_about("my-dog") for photo in photos) == 3 + 3
    # Test photos, seen ones, those of two, and those of the general questions, as files and as bytes.
    shown = {benchmark.name: benchmark.photos for benchmark in open_benchmarks(eval_set)}
    assert {name: len(photos) for name, photos in shown.items() if photos} == {
        "recognition": 12,
        "threshold_set": 2 * (2 + 2 + 2),
        "two_subjects": 2,
        "general": 3,
    }
    keys = [key for photos in shown.values() for key in photos]
    assert len(set(keys)) == len(keys) and "bo/test/00.png" in keys


def test_the_report_reads_what_every_benchmark_writes():
    for benchmark in BENCHMARKS:
        assert TABLES[benchmark.name] in (benchmark.schema, None)
        assert set(benchmark.sort_by) <= set(benchmark.schema.names)


def test_a_photo_of_two_that_was_trained_on_is_refused(workspace):
    populate({"bo": "world", "mam": "world"})
    shutil.copy(paths.train_photos("bo", "world") / "00.png", paths.WORLD_TWO_SUBJECTS / "01.png")
    with pytest.raises(UserError, match=r"two_subjects/01\.png was used to train bo"):
        open_benchmarks(load_eval_set({"bo": "world", "mam": "world"}, SETTINGS, 0))


def test_own_subjects_may_do_without_questions(workspace):
    populate({"bo": "world", "my-dog": "own"})
    eval_set = load_eval_set({"bo": "world", "my-dog": "own"}, SETTINGS, 0)
    assert not eval_set.questions["my-dog"].text and len(eval_set.questions["bo"].visual) == 1


def test_a_threshold_is_chosen_on_the_train_photos_and_on_negatives_drawn_by_the_seed():
    roles = ["positive"] * 3 + ["hard"] * 10 + ["easy"]
    rows = [
        dict.fromkeys(schema.DATASET.names)
        | {"role": role, "split": split, "image_sha256": f"{split} {i}", "image": {"bytes": b"", "path": ""}}
        for i, role in enumerate(roles)
        for split in ("train", "validation")
    ]
    table = pa.Table.from_pylist(rows, schema=schema.DATASET)
    chosen = draw_images("bo", table, 4, 0)
    assert [seen.role for seen in chosen] == ["positive"] * 3 + ["hard"] * 4 + ["easy"]
    assert all(seen.sha256.startswith("validation") for seen in chosen)
    assert len(set(chosen)) == len(chosen)
    assert chosen == draw_images("bo", table, 4, 0) != draw_images("bo", table, 4, 1)


def test_a_removed_subject_s_files_are_refused_with_the_command_that_removes_them(workspace):
    populate({"bo": "world"})
    for subject in ("bo", "gone"):
        paths.subject_model(subject).mkdir(parents=True, exist_ok=True)
        paths.train_curve(subject).parent.mkdir(parents=True, exist_ok=True)
        paths.train_curve(subject).touch()
    (paths.SUBJECT_MODELS / ".gitignore").touch()
    with pytest.raises(UserError, match=r"run `rm -r models/subjects/gone reports/train/gone\.csv`"):
        SoftPrompts(Backbones(base=None, clip=None, seed=0, batch_size=1), ["bo"])
