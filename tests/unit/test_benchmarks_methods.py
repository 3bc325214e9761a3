"""The benchmark of methods: all of them learn and answer, and the pipeline's own models stay as they are."""

from pathlib import Path

import pytest

from benchmarks import methods
from common.core import images, io, params, paths, schema
from tests.support.helpers import set_params
from tests.support.subjects import populate


@pytest.fixture
def prepared(workspace: Path, tiny_llava: Path, clip_folder: Path) -> Path:
    """One subject with a dataset of its photos, and pictures of noise as negatives."""
    set_params(
        {
            "base.vlm.model": str(tiny_llava),
            "base.clip.model": str(clip_folder),
            "train.latent_tokens": 2,
            "methods": {"free": {"method": "training_free", "title": "Photos", "threshold": None}},
        }
    )
    populate({"bo": "world"}, train=3)
    own = images.list_photos(paths.train_photos("bo", "world"))
    others = images.list_photos(paths.truth_dir("bo", "world") / "lookalikes/two")
    rows = [
        dict.fromkeys(schema.DATASET.names)
        | {"task": "recognition", "split": split, "question": "Is <bo> here?", "image": row["image"]}
        | {"image_sha256": row["sha256"], "role": role, "label": label, "answer": label.title()}
        for photos, role, label in ((own, "positive", "yes"), (others, "hard", "no"))
        for row in map(images.photo_row, photos)
        for split in ("train", "validation")
    ]
    rows = [row | {"sample": i} for i, row in enumerate(rows)]
    io.write_parquet(paths.dataset("bo"), rows, schema.DATASET, ["sample"])
    return workspace


def test_every_method_is_timed_on_one_subject_and_the_pipeline_s_models_are_left_alone(prepared):
    before = {path: path.read_bytes() for path in paths.SUBJECT_MODELS.rglob("*.*")}
    found = methods.compare(params.load(), rounds=2)
    assert found["subject"] == "bo" and list(found["methods"]) == ["soft_prompt", "free"]
    for of in found["methods"].values():
        assert of["answers"] == 3 + 6 + 2 + 2  # photos, look-alikes, a question each kind in both orders
        low, high = of["subject_seconds_range"]
        assert 0 < low <= of["subject_seconds"] <= high and of["answer_seconds"] > 0
    assert {path: path.read_bytes() for path in paths.SUBJECT_MODELS.rglob("*.*")} == before
    assert not paths.FITTED.exists()
    assert methods.table(found).count("\n") == 2
