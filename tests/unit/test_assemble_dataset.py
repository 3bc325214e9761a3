"""The rows of a training set: roles, balance, templates, provenance, and what a change leaves alone."""

import io
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from common.core.io import sha256_bytes
from common.prompts.prompt_sets import DRAWN
from common.prompts.recognition import templates
from stages.assemble.augment import Strength, fit
from stages.assemble.dataset import DatasetRecipe, SourceImage, rows

RECIPE = DatasetRecipe(
    seed=0, image_size=32, copies=4, strength=Strength(0.1, 0.1, 5, 0.1, 0.02), templates=templates(DRAWN)
)
TURNS = [
    {"kind": "qa", "photo": name, "photo_sha256": sha256, "question": "What color is <bo>?", "answer": answer}
    for answer, name, sha256 in (("Red.", "00.png", "a"), ("Blue.", "01.png", "b"))
]


def pictures(role: str, count: int) -> list[SourceImage]:
    made = []
    for number in range(count):
        pixels = np.random.default_rng([len(role), number]).integers(0, 256, (24, 40, 3), dtype=np.uint8)
        score = None if role == "positive" else 0.5 + number / 100
        name = f"{role}/{number}"
        terms = None if role == "positive" else "cc-by-2.0"
        made.append(
            SourceImage(role, Image.fromarray(pixels), name, sha256_bytes(name.encode()), score, terms)
        )
    return made


PHOTOS, HARD, EASY = pictures("positive", 3), pictures("hard", 11), pictures("easy", 9)


def build(
    recipe: DatasetRecipe = RECIPE, subject: str = "bo", negatives: list[SourceImage] | None = None
) -> list[dict]:
    return rows(subject, PHOTOS, HARD + EASY if negatives is None else negatives, TURNS, recipe)


def part(table: list[dict], split: str, role: str) -> list[dict]:
    return [row for row in table if (row["split"], row["role"]) == (split, role)]


def decoded(row: dict) -> Image.Image:
    return Image.open(io.BytesIO(row["image"]["bytes"]))


def test_copies_stand_amid_negatives_as_often_as_asked_and_say_in_which() -> None:
    surrounded = replace(RECIPE, copies=20, strength=replace(RECIPE.strength, surround=0.5))
    table = build(surrounded)
    sources = {negative.source for negative in HARD + EASY}
    for role in ("positive", "hard"):
        changed = [row for row in part(table, "train", role) if row["augment"] != "none"]
        amid = [row for row in changed if " of " in row["augment"]]
        assert 0.3 < len(amid) / len(changed) < 0.7
        for row in amid:
            other = row["augment"].rpartition(" of ")[2]
            assert other in sources - {row["source"]} and decoded(row).size == (32, 19)
    shown = [row for row in build() if row["role"] != "text"]
    assert all(" of " not in row["augment"] for row in shown)
    assert build(surrounded) == table
    alone = part(build(surrounded, negatives=[]), "train", "positive")
    assert all(" of " not in row["augment"] for row in alone)


def test_another_negative_surrounds_few() -> None:
    surrounded = replace(RECIPE, copies=20, strength=replace(RECIPE.strength, surround=0.5))
    before = part(build(surrounded, negatives=HARD + EASY[1:]), "train", "positive")
    after = part(build(surrounded), "train", "positive")
    moved = sum(a["image_sha256"] != b["image_sha256"] for a, b in zip(before, after, strict=True))
    assert 0 < moved < len(before) / 5


def test_samples_are_numbered_in_order() -> None:
    assert [row["sample"] for row in build()] == list(range(len(build())))


def test_positives_are_repeated_until_they_are_as_many_as_negatives() -> None:
    counts = Counter((row["split"], row["role"]) for row in build())
    assert counts == {
        ("train", "positive"): 20,
        ("train", "hard"): 11,
        ("train", "easy"): 9,
        ("train", "text"): 2,
        ("validation", "positive"): 3,
        ("validation", "hard"): 11,
        ("validation", "easy"): 9,
    }
    assert len(part(build(negatives=[]), "train", "positive")) == 3 * 4


def test_negatives_are_repeated_until_they_are_as_many_as_positives() -> None:
    """Each about as often as another, changed anew each time, and asked about by other templates."""
    table = build(replace(RECIPE, copies=20), negatives=HARD[:4] + EASY[:3])
    negatives = part(table, "train", "hard") + part(table, "train", "easy")
    assert len(negatives) == len(part(table, "train", "positive")) == 3 * 20
    assert set(Counter(row["source"] for row in negatives).values()) == {8, 9}
    changed = [row["image_sha256"] for row in negatives if row["augment"] != "none"]
    assert len(set(changed)) == len(changed) > 50
    assert len({row["template"] for row in negatives}) > 5
    once = part(build(replace(RECIPE, copies=20, photo_questions=2), negatives=HARD[:4]), "train", "hard")
    assert [row["source"] for row in once] == [negative.source for negative in HARD[:4]]


def test_each_photo_is_asked_about_as_often_as_said_however_many_negatives_there_are() -> None:
    for questions, different in ((2, 2), (7, 4)):  # of four copies at most
        positives = part(build(replace(RECIPE, photo_questions=questions)), "train", "positive")
        assert Counter(row["source"] for row in positives) == {p.source: questions for p in PHOTOS}
        assert len({row["image_sha256"] for row in positives}) == 3 * different
        assert len({(row["image_sha256"], row["template"]) for row in positives}) == 3 * questions
    few = replace(RECIPE, copies=20, photo_questions=2)
    changed = [
        row["augment"] != "none" for row in part(build(few, negatives=pictures("hard", 200)), "train", "hard")
    ]
    assert np.mean(changed) == pytest.approx(0.5, abs=0.1)  # as of positives


def test_each_photo_appears_once_as_it_is_and_otherwise_in_different_copies() -> None:
    positives = part(build(negatives=[]), "train", "positive")
    assert len({row["image_sha256"] for row in positives}) == 12
    plain = [row for row in positives if row["augment"] == "none"]
    assert [row["source"] for row in plain] == [photo.source for photo in PHOTOS]
    for row, photo in zip(plain, PHOTOS, strict=True):
        assert decoded(row).tobytes() == fit(photo.image, 32).tobytes()
    assert all(row["augment"].startswith("shift") for row in positives if row not in plain)


def test_no_picture_is_asked_about_twice_with_the_same_template() -> None:
    asked = Counter((row["image_sha256"], row["template"]) for row in part(build(), "train", "positive"))
    assert set(asked.values()) == {1}


def test_negatives_are_changed_about_as_often_as_positives() -> None:
    """Else "has been changed" would come to mean yes."""
    table = build(replace(RECIPE, copies=2), negatives=pictures("hard", 200))
    share = np.mean([row["augment"] == "none" for row in part(table, "train", "hard")])
    assert share == pytest.approx(0.5, abs=0.1)
    untouched = build(replace(RECIPE, copies=1))
    assert {row["augment"] for row in untouched if row["task"] == "recognition"} == {"none"}


def test_labels_and_answers_follow_the_role() -> None:
    for row in build():
        if row["task"] == "recognition":
            assert row["label"] == ("yes" if row["role"] == "positive" else "no")
            assert row["answer"].lower().startswith(row["label"])
            assert "<bo>" in row["question"]
        else:
            assert row.get("label") is None


def test_text_has_no_image() -> None:
    text = part(build(), "train", "text")
    assert [(row["question"], row["answer"], row["source"]) for row in text] == [
        ("What color is <bo>?", "Red.", "00.png"),
        ("What color is <bo>?", "Blue.", "01.png"),
    ]
    assert all("image" not in row and row["task"] == "conversation" for row in text)


def test_captions_are_learned_with_their_photo_as_it_is() -> None:
    said = {"question": "Write a caption for <bo>.", "answer": "<bo> in a box."}
    turns = [said | {"photo_sha256": PHOTOS[1].sha256}, said | {"photo_sha256": "of no photo"}]
    plain, table = build(), rows("bo", PHOTOS, HARD + EASY, TURNS, RECIPE, turns)
    (row,) = [row for row in table if row["task"] == "conversation" and "image" in row]
    assert decoded(row).tobytes() == fit(PHOTOS[1].image, 32).tobytes() and row["role"] == "positive"
    assert {key: row[key] for key in said} == said and row.get("label") is None and row["split"] == "train"
    assert [r | {"sample": 0} for r in table if r is not row] == [r | {"sample": 0} for r in plain]


def test_validation_holds_every_picture_once_unchanged_with_the_fixed_question() -> None:
    validation = [row for row in build() if row["split"] == "validation"]
    assert [row["source"] for row in validation] == [picture.source for picture in PHOTOS + HARD + EASY]
    assert {row["question"] for row in validation} == {
        "Can you see <bo> in this photo? Answer the question using a single word or phrase."
    }
    assert {(row["label"], row["answer"]) for row in validation} == {("yes", "Yes"), ("no", "No")}
    assert {row["augment"] for row in validation} == {"none"}


def test_provenance_belongs_to_the_picture() -> None:
    known = {picture.source: picture for picture in PHOTOS + HARD + EASY}
    for row in build():
        if row["task"] == "recognition":
            picture = known[row["source"]]
            assert (row["source_sha256"], row["score"]) == (picture.sha256, picture.score)
            assert row["source_license"] == picture.license
            assert row["image_sha256"] == sha256_bytes(row["image"]["bytes"])
            assert max(decoded(row).size) <= 32


def test_one_more_negative_changes_no_other_row() -> None:
    def without_number(role: str, table: list[dict]) -> list[dict]:
        return [{key: row[key] for key in row if key != "sample"} for row in part(table, "train", role)]

    fewer = build(negatives=HARD[1:] + EASY)
    for role in ("hard", "easy", "positive"):
        before, after = without_number(role, build()), without_number(role, fewer)
        assert after == (before[1:] if role == "hard" else before[: len(after)])


def test_subject_and_seed_decide_the_draws() -> None:
    answers = [row["augment"] for row in build() if row["task"] == "recognition"]
    for other in (build(subject="ann"), build(replace(RECIPE, seed=1))):
        assert [row["augment"] for row in other if row["task"] == "recognition"] != answers
    assert [row["augment"] for row in build() if row["task"] == "recognition"] == answers


def test_whom_facts_are_told_of_is_asked_for_in_both_directions() -> None:
    fact = {"kind": "fact", "photo": None, "photo_sha256": None, "question": "How old?", "answer": "Four."}
    table = rows("bo", PHOTOS, HARD + EASY, [*TURNS, fact], RECIPE)
    asked = [row for row in table if row["question"] == "Who is this?"]
    assert {(row["label"], row["answer"]) for row in asked} == {
        ("yes", "This is <bo>."),
        ("no", "I do not know who this is."),
    }
    shown = [row for row in build() if row["split"] == "train" and row["role"] != "text"]
    pictures_of = {(row["image_sha256"], row["label"]) for row in shown}
    assert {(row["image_sha256"], row["label"]) for row in asked} <= pictures_of
    assert [row["answer"] for row in part(table, "train", "text")] == ["Red.", "Blue.", "Four."]
    assert not [row for row in build() if row["question"] == "Who is this?"]
