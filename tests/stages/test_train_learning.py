"""What training does with a dataset: which samples it uses, where it begins, and which epoch is kept."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from common import vlm
from common.core import paths
from common.core.errors import UserError
from common.training import samples
from common.training.learn import validate
from common.training.recipe import TrainingRecipe
from stages.train.__main__ import main
from tests.support.helpers import set_params
from tests.support.train_helpers import EVERYTHING, RECIPE, learn_bo, prepare, rows, write_dataset
from tests.support.vlm_helpers import noise_images


@pytest.fixture
def dataset(workspace: Path, tiny_llava: Path) -> Path:
    return prepare(tiny_llava)


def weights_hash(base: vlm.Base) -> str:
    digest = hashlib.sha256()
    for name, tensor in base.model.state_dict().items():
        digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()


def test_a_picture_that_several_subjects_learn_from_is_there_once(dataset: Path) -> None:
    bo = samples.TrainingSet.of(samples.read_rows(dataset, **EVERYTHING), balance=True)
    mam = samples.TrainingSet(noise_images(9)[5:], bo.training[5:7], [], [])
    mam = replace(mam, training=[replace(s, image=i) for i, s in enumerate(mam.training)])
    both = samples.share_images({"bo": bo, "mam": mam})
    assert both["bo"].images is both["mam"].images and len(both["bo"].images) == 9
    for subject, training_set in (("bo", bo), ("mam", mam)):
        for old, new in zip(training_set.training, both[subject].training, strict=True):
            assert replace(new, image=old.image) == old
            if old.image is not None:
                assert both[subject].images[new.image].tobytes() == training_set.images[old.image].tobytes()


def test_no_epoch_before_the_first_that_may_be_is_kept(dataset: Path, base: vlm.Base) -> None:
    training_set = samples.TrainingSet.of(samples.read_rows(dataset, **EVERYTHING), balance=True)
    kept = [
        learn_bo(base, training_set, replace(RECIPE, epochs=6, first_epoch=first))[0].info["validation"]
        for first in (1, 5, 9)
    ]
    best, *after = kept
    assert best["epoch"] < 5 and [row["epoch"] for row in after] == [6, 6]
    assert best["weighted"] >= after[0]["weighted"]


def test_pictures_held_out_choose_the_epoch_and_teach_nothing(dataset: Path, base: vlm.Base) -> None:
    write_dataset([row | {"source_sha256": row.get("image_sha256")} for row in rows()])
    used = samples.read_rows(dataset, **EVERYTHING | {"conversations": False})
    chosen = samples.held_out_sources(used, 0.4, 0, "bo")
    labels = {row["source_sha256"]: row["label"] for row in used}
    assert sorted(labels[source] for source in chosen) == ["no", "no", "yes"]  # of 5 and of 2
    assert samples.held_out_sources(used, 0.0, 0, "bo") == set()
    assert samples.held_out_sources(used, 0.4, 1, "bo") != chosen
    training_set = samples.TrainingSet.of(used, True, chosen)
    learned, judged, unchanged = (
        {sample.image for sample in part}
        for part in (training_set.training, training_set.validation, training_set.originals)
    )
    assert len(judged) == 3 and unchanged == learned and not judged & learned
    prompt, _ = learn_bo(base, training_set, replace(RECIPE, initial="photos", held_out=0.4))
    assert prompt.info["training"]["samples"] == 4 and prompt.info["training"]["held_out"] == 0.4
    with pytest.raises(UserError, match=r"leaves none of the 2 pictures of bo that are answered yes: lower"):
        samples.held_out_sources(used, 0.9, 0, "bo")
    set_params({"train.held_out": 0.5, "train.data.conversations": False})
    main("bo")
    assert vlm.SoftPrompt.load(paths.subject_model("bo")).info["training"]["samples"] == 4


@pytest.mark.parametrize("latent_tokens", [0, 2])
def test_training_learns_and_leaves_the_base_alone(dataset: Path, base: vlm.Base, latent_tokens: int) -> None:
    before = weights_hash(base)
    training_set = samples.TrainingSet.of(samples.read_rows(dataset, **EVERYTHING), balance=True)
    recipe = TrainingRecipe(**vars(RECIPE) | {"latent_tokens": latent_tokens, "epochs": 8})
    prompt, curve = learn_bo(base, training_set, recipe)
    assert weights_hash(base) == before
    assert curve[-1]["loss"] < 0.95 * curve[0]["loss"]
    start, _ = learn_bo(
        base, training_set, TrainingRecipe(**vars(recipe) | {"epochs": 1, "learning_rate": 1e-9})
    )
    assert (prompt.embeddings - start.embeddings).abs().amax(1).min() > 1e-3  # every row moved
    assert (prompt.output_row - start.output_row).abs().max() > 1e-3


def test_the_best_epoch_is_kept_and_of_equal_ones_the_latest(dataset: Path, base: vlm.Base) -> None:
    training_set = samples.TrainingSet.of(samples.read_rows(dataset, **EVERYTHING), balance=True)
    prompt, curve = learn_bo(
        base, training_set, TrainingRecipe(**vars(RECIPE) | {"epochs": 8, "learning_rate": 0.05})
    )
    top = max(row["weighted"] for row in curve)
    best = [row for row in curve if row["weighted"] == top][-1]
    assert prompt.info["validation"] == best
    prefixes = vlm.encode_prefixes(base, training_set.images)
    again = validate(base, prompt, training_set.validation, prefixes, batch_size=3)
    assert again == {name: best[name] for name in ("positive", "negative", "weighted")}


def test_pictures_are_kept_once_and_classes_weigh_alike(dataset: Path) -> None:
    used = samples.read_rows(dataset, **EVERYTHING)
    training_set = samples.TrainingSet.of(used, balance=True)
    assert (
        len(training_set.images) == 7
        and len(training_set.training) == 9
        and len(training_set.validation) == 7
    )
    totals = {
        label: sum(sample.weight for sample in training_set.training if sample.label is label)
        for label in (True, False, None)
    }
    assert totals == pytest.approx({True: 3.5, False: 3.5, None: 2.0})
    assert {sample.weight for sample in samples.TrainingSet.of(used, balance=False).training} == {1.0}


@pytest.mark.parametrize("left_out", list(EVERYTHING))
def test_parts_out_of_use_are_neither_trained_nor_validated_on(dataset: Path, left_out: str) -> None:
    training_set = samples.TrainingSet.of(
        samples.read_rows(dataset, **EVERYTHING | {left_out: False}), balance=True
    )
    gone = {"conversations": (2, 0), "hard": (3, 3), "easy": (2, 2)}[left_out]
    assert (9 - len(training_set.training), 7 - len(training_set.validation)) == gone
    assert len(training_set.images) == 7 - gone[1]


def test_a_start_from_the_photos_is_where_training_begins(base: vlm.Base, dataset: Path):
    training_set = samples.TrainingSet.of(samples.read_rows(dataset, **EVERYTHING), balance=True)
    still = replace(RECIPE, initial="photos", epochs=1, learning_rate=1e-9, weight_decay=0.0)
    prompt, _ = learn_bo(base, training_set, still)
    own = [training_set.images[sample.image] for sample in training_set.validation if sample.label]
    mean = vlm.image_tokens(base, own).mean(0)
    for row in prompt.embeddings[1:]:
        assert (mean - row).abs().amax(1).min() < 1e-5
