"""Pretraining on photographs: facts of captions, and the questions made of them."""

import numpy as np
import pytest
from transformers import PreTrainedTokenizerFast

from commands.pretrain.photographs import captions, forms, natures, questions
from tests.support.photographs import DOG, MAN, facts, kind_of, tokenizer

__all__ = ["facts", "tokenizer"]  # fixtures


def test_facts_are_what_most_captions_say():
    dog, man = captions.read(DOG), captions.read(MAN)
    assert (dog.kind, dog.colors, dog.place, dog.action) == (
        "dog",
        ("brown", "white"),
        "in the snow",
        "running",
    )
    assert dog.phrase == "a small brown and white dog"
    assert man.garments == (("shirt", "blue"),)
    assert man.place == "on the street"
    assert "bike" in man.present
    assert "bike" not in man.absent("vehicle")
    assert not man.absent("person"), "captions do not tell people apart well enough to deny one"


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("teapot", {"Is <bo> an animal or a thing?": "a thing", "Does <bo> have wheels?": "No"}),
        ("dog", {"Is <bo> a thing or an animal?": "an animal", "Does <bo> have fur?": "Yes"}),
        ("teddy bear", {"Is <bo> an animal or a toy?": "a toy", "What is <bo> made of?": "plush"}),
        ("piggy bank", {"What is <bo> made of?": "clay", "Is <bo> a person or a thing?": "a thing"}),
    ],
)
def test_what_follows_from_a_kind_is_asked_and_answered_right(kind: str, wanted: dict[str, str]):
    rng = np.random.default_rng(0)
    pairs = [natures.ask_nature("<bo>", kind_of(kind), rng) for _ in range(3000)]
    for question, answer in wanted.items():
        said = {pair[1] for pair in pairs if pair and pair[0].startswith(question)}
        bare = {one for one in said if one not in "AB" and "<bo>" not in one.lower()}
        assert bare == {answer}
        for pair in pairs:
            if pair and pair[0].startswith(f"{question}\n"):
                assert pair[0].splitlines()["AB".index(pair[1]) + 1][3:] == answer
    assert natures.ask_nature("<bo>", kind_of("people"), rng) is None


def test_attributes_are_asked_for_as_often_as_they_weigh(facts: list[captions.Facts]):
    rng, weights = np.random.default_rng(0), {"kind": 3.0, "color": 3.0, "place": 1.0, "action": 0.5}
    drawn = [forms.draw_attribute(["action", "color", "kind", "place"], weights, rng) for _ in range(3000)]
    assert drawn.count("kind") == pytest.approx(1200, abs=120)
    assert drawn.count("action") == pytest.approx(200, abs=60)


def test_wrong_values_are_none_that_captions_confuse():
    dog = captions.read(DOG)
    assert not {"brown", "white", "tan"} & set(questions.others("color", dog))
    assert not {"in the snow", "in the mountains", "in a field"} & set(questions.others("place", dog))


def test_yes_and_no_are_asked_alike_often(facts: list[captions.Facts]):
    rng = np.random.default_rng(0)
    asked = [forms.ask("probe", "the subject", facts[0], rng) for _ in range(400)]
    assert 0.4 < np.mean([answer == "Yes" for _, answer in asked]) < 0.6


def test_any_text_comes_back_from_the_tokenizer(tokenizer: PreTrainedTokenizerFast):
    text = "Is <xq7> naïve — or 犬?\nA. yes"
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text
