"""Variants of the soft prompt on the tiny model: train's rows where they agree, and where they differ."""

from pathlib import Path
from typing import Any

import pytest
import torch

from common import methods, vlm
from common.core import paths
from common.core.errors import UserError
from common.core.images import load_image
from common.methods.interface import Backbones, MethodSubject, Request, Task
from common.methods.soft_prompt_variant.captions import captioned, named
from common.methods.soft_prompt_variant.start import init_from_pooled_images, init_from_words
from common.training import samples
from common.training.learn import learn
from common.training.recipe import TrainingRecipe
from tests.support.helpers import save_photo
from tests.support.methods_helpers import learnable
from tests.support.vlm_helpers import soft_prompt

BO = MethodSubject("bo", "pet")
EVERYTHING = {"conversations": True, "hard": True, "easy": True}
RECIPE = {
    "latent_tokens": 3,
    "initial": "photos",
    "epochs": 2,
    "learning_rate": 0.02,
    "schedule": "cosine",
    "weight_decay": 0.01,
    "batch_size": 4,
    "balance": True,
}
SECTION = RECIPE | {
    "method": "soft_prompt_variant",
    "title": "Variant",
    "placement": "user",
    "head": "identifier",
    "photos": None,
    "captions": 0,
    "data": EVERYTHING,
}


@pytest.fixture
def tables(workspace: Path) -> None:
    learnable("bo")


def variant(base: vlm.Base, **settings: Any) -> methods.Method:
    return methods.prepare("own", {"own": SECTION | settings}, Backbones(lambda: base, None, 0, 8))


def fitted(base: vlm.Base, **settings: Any) -> vlm.SoftPrompt:
    variant(base, **settings).fit([BO])
    return vlm.SoftPrompt.load(paths.fitted("own") / "bo", base.fingerprint)


def test_with_the_settings_of_train_it_learns_what_train_learns(base: vlm.Base, tables: None) -> None:
    training_set = samples.TrainingSet.of(samples.read_rows(paths.dataset("bo"), **EVERYTHING), balance=True)
    recipe = TrainingRecipe(seed=0, micro_batch_size=8, **RECIPE)
    expected = learn(base, {"bo": training_set}, recipe)["bo"].best
    prompt = fitted(base)
    assert torch.equal(prompt.embeddings, expected.embeddings)
    assert torch.equal(prompt.output_row, expected.output_row)
    assert prompt.info["variant"] == {
        "placement": "user",
        "head": "identifier",
        "photos": None,
        "captions": 0,
    }


@pytest.mark.parametrize(
    "settings",
    [{"placement": "system"}, {"head": "all"}, {"initial": "words"}, {"initial": "pooled"}, {"captions": 2}],
    ids=str,
)
def test_each_variant_learns_answers_and_repeats_its_bytes(
    base: vlm.Base, tables: None, settings: dict[str, Any]
) -> None:
    plain = fitted(base)
    prompt = fitted(base, **settings)
    assert not torch.equal(prompt.embeddings, plain.embeddings)
    assert len(prompt.output_row) == (4 if settings == {"head": "all"} else 1)
    files = {path.name: path.read_bytes() for path in (paths.fitted("own") / "bo").iterdir()}
    method = variant(base, **settings)
    method.fit([BO])
    assert {path.name: path.read_bytes() for path in (paths.fitted("own") / "bo").iterdir()} == files
    photo = save_photo(Path("photo.png"))
    photos = {"photo": photo}
    requests = [
        Request(Task("recognition", 4), "own", ("bo",), at, "Is <bo> here?") for at in ("photo", None)
    ]
    shown, unshown = method.answers(photos, requests)
    assert len(shown.probabilities) == 2 and shown.probabilities != unshown.probabilities
    (bare,) = method.answers(photos, [Request(Task("general", 1), "own", (), "photo", "Is it red?")])
    (expected,) = vlm.answer(
        base,
        [vlm.Query("Is it red?", 0)],
        vlm.encode_prefixes(base, [load_image(photo)]),
        max_new_tokens=1,
        batch_size=1,
    )
    assert bare.probabilities == pytest.approx(expected.probabilities, abs=1e-5)
    cost = method.cost("own", "bo")
    assert cost.trainable == prompt.embeddings.numel() + prompt.output_row.numel()
    assert cost.prompt_tokens > RECIPE["latent_tokens"] + 1
    if settings == {"placement": "system"}:
        assert prompt.info["layout"]["with an image"].startswith(
            "<bo> is <latent><latent><latent>. USER: <image>"
        )


def test_latent_tokens_move_in_the_head_too(base: vlm.Base, tables: None) -> None:
    learned = fitted(base, head="all").output_row
    still = fitted(base, head="all", learning_rate=1e-9).output_row
    assert (learned - still).abs().amax(1).min() > 1e-3


def test_fewer_photos_leave_their_pictures_and_conversations(base: vlm.Base, tables: None) -> None:
    assert fitted(base, photos=3).info["training"]["samples"] == 3 + 4 + 2
    assert fitted(base, photos=1, initial="random").info["training"]["samples"] == 1 + 4 + 1
    with pytest.raises(UserError, match=r"bo has 3 train photos, but methods.own.photos is 4"):
        fitted(base, photos=4)


def test_starts_are_the_words_and_the_pooled_photos(base: vlm.Base) -> None:
    rows = soft_prompt(base, "bo", 5)
    found = init_from_words(base, rows, "<bo> is a dog.")
    ids = base.tokenizer(" a dog", add_special_tokens=False).input_ids
    table = base.model.get_input_embeddings().weight
    expected = torch.stack([table[ids[i % len(ids)]] for i in range(5)])
    assert torch.equal(found.embeddings[1:], expected) and torch.equal(
        found.embeddings[0], rows.embeddings[0]
    )

    photos = torch.arange(2 * 4 * 32, dtype=torch.float32).view(2, 4, 32)
    halves = init_from_pooled_images(soft_prompt(base, "bo", 2), photos).embeddings[1:]
    torch.testing.assert_close(halves, photos.mean(0).view(2, 2, 32).mean(1))


@pytest.mark.parametrize(
    ("caption", "phrase", "expected"),
    [
        ("A red dog with a hat on on the beach.", "a red dog with a hat on", "<bo> on the beach."),
        (
            "A red striped dog with a hat on in the snow.",
            "a red dotted dog with a hat on",
            "<bo> in the snow.",
        ),
        (
            "A brown dog is sitting with a ball.",
            "a brown dog with a white chest",
            "<bo> is sitting with a ball.",
        ),
        ("An old dog.", "an old dog", "<bo>."),
        ("There is snow on the ground.", "a red dog", None),
        ("A cat with a hat.", "a red dog", None),
    ],
)
def test_the_name_takes_the_place_of_the_noun_phrase(caption: str, phrase: str, expected: str | None) -> None:
    assert named(caption, phrase, "<bo>") == expected


def test_captions_are_the_bases_own_and_name_the_subject_in_its_photos_alone(
    base: vlm.Base, tables: None
) -> None:
    training_set = samples.TrainingSet.of(samples.read_rows(paths.dataset("bo"), **EVERYTHING), balance=True)
    backbones = Backbones(lambda: base, None, 0, 8)
    (said,) = vlm.answer(
        base,
        [vlm.Query("Describe this photo.", 0)],
        vlm.encode_prefixes(base, training_set.images[:1]),
        max_new_tokens=32,
        batch_size=1,
    )
    made = captioned(base, BO, training_set, f"<bo> is {said.text}", 10, backbones)
    own = {sample.image for sample in training_set.training if sample.label}
    assert any(sample.image == 0 for sample in made)
    for sample in made:
        assert sample.answer.startswith("<bo>") == (sample.image in own) and sample.label is None
    assert len([sample for sample in made if sample.image not in own]) == 4
