"""The training-free method on made-up subjects and tiny models, fitted and asked as a user does."""

from pathlib import Path

import numpy as np
import pytest

from common.core import images, io, paths, schema
from common.core.errors import UserError
from common.methods.training_free.method import best_threshold, similarities
from stages.evaluate.__main__ import main as ask
from stages.fit_baseline.__main__ import main as fit
from tests.support.helpers import run_here, set_params
from tests.support.subjects import populate

SECTION = {"method": "training_free", "title": "Reference photos", "threshold": None}


@pytest.fixture
def prepared(workspace: Path, tiny_llava: Path, clip_folder: Path) -> Path:
    """Two subjects, with datasets as assemble makes them: their photos, and each other's as negatives."""
    subjects = {"bo": "world", "mam": "world"}
    set_params(
        {
            "base.vlm.model": str(tiny_llava),
            "base.clip.model": str(clip_folder),
            "methods": {"free": SECTION},
            "subjects": {name: {"kind": "pet", "source": source} for name, source in subjects.items()},
        }
    )
    populate(subjects, train=4)
    for subject in subjects:
        photos = [
            (images.photo_row(path), "yes" if owner == subject else "no")
            for owner in subjects
            for path in images.list_photos(paths.train_photos(owner, "world"))
        ]
        rows = [
            dict.fromkeys(schema.DATASET.names)
            | {"sample": i, "split": "validation", "label": label, "image": row["image"]}
            | {"source_sha256": row["sha256"]}
            for i, (row, label) in enumerate(photos)
        ]
        io.write_parquet(paths.dataset(subject), rows, schema.DATASET, ["sample"])
    return workspace


def files(folder: Path) -> dict[str, bytes]:
    return {path.as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_recognizes_by_similarity_and_describes_in_words(prepared):
    assert fit("free") == "free: 2 subjects"
    learned = files(paths.fitted("free"))
    assert ask("free").startswith("free: 2 subjects")
    seen = io.read_parquet(paths.predictions("free", "recognition"), schema.RECOGNITION).to_pandas()
    assert set(seen.method) == {"free"} and set(seen.parsed) <= {"yes", "no"}
    assert ((seen.p_yes > 0.5) == (seen.parsed == "yes")).all()
    told = io.read_parquet(paths.predictions("free", "questions"), schema.QUESTIONS).to_pandas()
    assert set(told.method) == {"free"} and set(told.kind) == {"visual", "text"}
    known = io.read_parquet(paths.predictions("free", "methods"), schema.METHODS).to_pandas()
    assert (known.title == "Reference photos").all() and (known.trainable == 0).all()
    assert (known.prompt_tokens > 0).all()
    assert known.stored_bytes.tolist() == [len(learned[name]) for name in sorted(learned)]

    fit("free")
    assert files(paths.fitted("free")) == learned


def test_a_train_photo_shows_its_subject(prepared):
    fit("free")
    for subject in ("bo", "mam"):
        train = images.list_photos(paths.train_photos(subject, "world"))[0]
        target = paths.test_photos(subject, "world") / "90.jpg"
        images.load_image(train).save(target, quality=95)  # another file with the same picture
    ask("free")
    seen = io.read_parquet(paths.predictions("free", "recognition"), schema.RECOGNITION).to_pandas()
    assert (seen[(seen.photo == "90.jpg") & seen.label].parsed == "yes").all()


def test_mistakes_in_its_section_are_named(prepared):
    set_params({"methods.free.treshold": 0.5})
    done = run_here("fit_baseline", "free")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "methods.free.treshold is not a known key: did you mean threshold?" in done.stderr
    set_params({"-methods.free.treshold": 0, "methods.free.method": "training_fee"})
    with pytest.raises(
        UserError, match=r"methods\.free\.method is 'training_fee': use one of .*training_free"
    ):
        fit("free")
    with pytest.raises(UserError, match=r"lists no method fre: add methods\.fre, or use one of free"):
        fit("fre")


def test_the_threshold_separates_and_a_photo_is_not_its_own_neighbor():
    photos = np.array([[1, 0], [0.8, 0.6]], np.float32)
    others = np.array([[0, 1], [-1, 0]], np.float32)
    near = similarities(np.concatenate([photos, others]), photos)
    assert near == pytest.approx([0.8, 0.8, 0.6, -0.8])
    assert best_threshold(near, np.array([True, True, False, False])) == pytest.approx(0.7)
