"""The train stage with a tiny random model: what it writes, what it leaves alone, and that bytes repeat."""

import hashlib
import io as bytesio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from common import vlm
from common.core import io, paths, schema
from common.core.errors import UserError
from common.training import samples
from common.training.learn import Learned, learn, validate
from common.training.steps import TrainingRecipe
from stages.train.__main__ import main
from tests.support.helpers import run_stage, set_params
from tests.support.vlm_helpers import noise_images

EVERYTHING = {"conversations": True, "hard": True, "easy": True}
RECIPE = TrainingRecipe(
    latent_tokens=2,
    initial="random",
    epochs=4,
    learning_rate=0.02,
    schedule="cosine",
    weight_decay=0.01,
    batch_size=4,
    balance=True,
    seed=0,
    micro_batch_size=8,
)


@pytest.fixture(scope="module")
def base(tiny_llava: Path) -> vlm.Base:
    return vlm.load(str(tiny_llava))


@pytest.fixture
def dataset(workspace: Path, tiny_llava: Path) -> Path:
    """A workspace with a dataset for `bo`: 2 photos, 5 negatives, 2 conversations; its path."""
    set_params(
        {
            "base.vlm.model": str(tiny_llava),
            "train.latent_tokens": 2,
            "train.epochs": 3,
            "train.batch_size": 4,
            "train.learning_rate": 0.02,
        }
    )
    write_dataset(rows())
    return paths.dataset("bo")


def rows() -> list[dict[str, Any]]:
    pictures = list(zip(noise_images(7), ["positive"] * 2 + ["hard"] * 3 + ["easy"] * 2, strict=True))
    made = []
    for split, question in (("train", "Is <bo> in this photo?"), ("validation", "Can you see <bo>?")):
        for image, role in pictures:
            file = bytesio.BytesIO()
            image.save(file, "PNG")
            label = "yes" if role == "positive" else "no"
            made.append(
                {
                    "task": "recognition",
                    "role": role,
                    "split": split,
                    "image": {"bytes": file.getvalue(), "path": "x.png"},
                    "image_sha256": io.sha256_bytes(file.getvalue()),
                    "label": label,
                    "question": question,
                    "answer": "Yes, <bo> is here." if label == "yes" else "No",
                }
            )
    for answer in ("<bo> is red.", "A dog."):
        made.append(
            {
                "task": "conversation",
                "role": "text",
                "split": "train",
                "question": "What is <bo>?",
                "answer": answer,
            }
        )
    return made


def write_dataset(made: list[dict[str, Any]], subject: str = "bo") -> None:
    numbered = [row | {"sample": number} for number, row in enumerate(made)]
    io.write_parquet(paths.dataset(subject), numbered, schema.DATASET, sort_by=["sample"])


def learn_bo(base: vlm.Base, training_set: samples.TrainingSet, recipe: TrainingRecipe) -> Learned:
    return learn(base, {"bo": training_set}, recipe)["bo"]


def outputs() -> dict[str, bytes]:
    files = [*sorted(paths.subject_model("bo").iterdir()), paths.train_curve("bo")]
    return {path.name: path.read_bytes() for path in files}


def curve(subject: str) -> torch.Tensor:
    lines = paths.train_curve(subject).read_text().splitlines()[1:]
    return torch.tensor([[float(cell) for cell in line.split(",")] for line in lines])


def weights_hash(base: vlm.Base) -> str:
    digest = hashlib.sha256()
    for name, tensor in base.model.state_dict().items():
        digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()


def test_writes_a_self_describing_soft_prompt_and_its_curve(dataset: Path, base: vlm.Base) -> None:
    summary = main("bo")
    prompt = vlm.SoftPrompt.load(paths.subject_model("bo"), base.fingerprint)
    assert prompt.embeddings.shape == (3, 32) and prompt.output_row.shape == (1, 32)
    assert prompt.embeddings.dtype == prompt.output_row.dtype == torch.float32
    assert prompt.info["data"] == {"sha256": io.sha256_file(dataset), **EVERYTHING}
    assert prompt.info["training"]["steps"] == 3 * 3  # 9 samples in batches of 4, 3 epochs
    assert prompt.info["layout"]["with an image"] == (
        "USER: <image>\n<bo> is <latent><latent>. {question} ASSISTANT: {answer}</s>"
    )
    header, *lines = paths.train_curve("bo").read_text().splitlines()
    assert header == "epoch,loss,positive,negative,weighted" and len(lines) == 3
    best = prompt.info["validation"]
    assert lines[best["epoch"] - 1] == ",".join(str(best[name]) for name in header.split(","))
    assert summary == f"bo, 3 epochs, the best is {best['epoch']} with {best['weighted']:.3f} weighted"


def test_several_subjects_are_trained_in_one_process(dataset: Path, base: vlm.Base) -> None:
    set_params({"subjects": {"bo": {"kind": "pet"}, "mam": {"kind": "pet"}}})
    write_dataset([row | {"question": row["question"].replace("<bo>", "<mam>")} for row in rows()[1:]], "mam")
    alone = {}
    for subject in ("bo", "mam"):
        main(subject)
        alone[subject] = vlm.SoftPrompt.load(paths.subject_model(subject), base.fingerprint), curve(subject)
    assert main("bo", "mam").startswith("bo, 3 epochs, the best is ")
    for subject, (prompt, scores) in alone.items():
        together = vlm.SoftPrompt.load(paths.subject_model(subject), base.fingerprint)
        assert together.info.pop("validation") == pytest.approx(prompt.info.pop("validation"), rel=1e-5)
        assert together.info == prompt.info
        torch.testing.assert_close(together.embeddings, prompt.embeddings, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(together.output_row, prompt.output_row, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(curve(subject), scores, rtol=1e-4, atol=1e-5)


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


def test_two_runs_give_the_same_bytes(dataset: Path) -> None:
    main("bo")
    first = outputs()
    main("bo")
    assert outputs() == first
    set_params({"seed": 1})
    main("bo")
    assert outputs()["soft_prompt.safetensors"] != first["soft_prompt.safetensors"]


def test_the_end_of_an_answer_is_learned_or_not(dataset: Path, base: vlm.Base) -> None:
    end = base.tokenizer.eos_token_id
    for learned in (True, False):
        suffix = vlm.suffix(base, None, "Who?", "A dog.", end_token=learned)
        assert (suffix.labels[-1] == end) is learned and (end in suffix.ids) is learned
    main("bo")
    first = outputs()
    set_params({"train.end_token": False})
    main("bo")
    prompt = vlm.SoftPrompt.load(paths.subject_model("bo"), base.fingerprint)
    assert prompt.info["layout"]["text only"].endswith("{answer}")
    assert prompt.info["training"]["end_token"] is False
    assert outputs()["soft_prompt.safetensors"] != first["soft_prompt.safetensors"]


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


def test_every_epoch_is_kept_on_request_and_gone_without(dataset: Path, base: vlm.Base) -> None:
    set_params({"train.keep_epochs": True})
    main("bo")
    folder = paths.subject_epochs("bo")
    assert sorted(path.name for path in folder.iterdir()) == ["1", "2", "3"]
    epochs = {path.name: vlm.SoftPrompt.load(path, base.fingerprint) for path in folder.iterdir()}
    best = vlm.SoftPrompt.load(paths.subject_model("bo"), base.fingerprint)
    same = epochs.pop(str(best.info["validation"]["epoch"]))
    assert torch.equal(same.embeddings, best.embeddings) and same.info == best.info
    assert not any(torch.equal(other.embeddings, best.embeddings) for other in epochs.values())
    set_params({"train.keep_epochs": False})
    main("bo")
    assert not folder.exists()


@pytest.mark.slow
def test_the_command_gives_the_same_bytes_and_a_closing_line(dataset: Path) -> None:
    main("bo")
    first = outputs()
    done = run_stage("train", "bo")
    assert done.returncode == 0 and done.stderr.startswith("train: bo, 3 epochs")
    assert outputs() == first
    failed = run_stage("train", "mam")
    assert failed.returncode == 1 and failed.stderr.startswith("error: ") and failed.stderr.count("\n") == 1


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


def test_what_cannot_be_trained_is_one_sentence(dataset: Path, base: vlm.Base) -> None:
    with pytest.raises(UserError, match=r"lists no subject mam"):
        main("mam")
    with pytest.raises(UserError, match=r"train.data.hard"):
        samples.read_rows(dataset, conversations=True, hard=False, easy=False)
    sets = {"bo": samples.TrainingSet.of(samples.read_rows(dataset, **EVERYTHING), balance=True)}
    with pytest.raises(UserError, match=r"lower train.learning_rate"):
        learn(base, sets, replace(RECIPE, learning_rate=1e30))
    write_dataset([row for row in rows() if row["role"] != "positive"])
    with pytest.raises(UserError, match="no positives"):
        main("bo")
    dataset.unlink()
    with pytest.raises(UserError, match="dvc repro"):
        main("bo")
    assert not paths.subject_model("bo").exists() and not paths.train_curve("bo").exists()


def test_a_start_from_the_photos_is_where_training_begins(base: vlm.Base, dataset: Path):
    training_set = samples.TrainingSet.of(samples.read_rows(dataset, **EVERYTHING), balance=True)
    still = replace(RECIPE, initial="photos", epochs=1, learning_rate=1e-9, weight_decay=0.0)
    prompt, _ = learn_bo(base, training_set, still)
    own = [training_set.images[sample.image] for sample in training_set.validation if sample.label]
    mean = vlm.image_tokens(base, own).mean(0)
    for row in prompt.embeddings[1:]:
        assert (mean - row).abs().amax(1).min() < 1e-5
