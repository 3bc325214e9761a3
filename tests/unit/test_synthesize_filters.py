"""Which answers of a base model are used, and in what form."""

import pytest

from common.prompts.interview import neutral_names
from stages.synthesize.filters import personalize, reason_to_drop, tidy, usable

NAMES = neutral_names("pet")


@pytest.mark.parametrize(
    "answer",
    [
        "It is red.",
        "nothing",
        "No accessory.",
        "a red and blue striped dog with a hat on",
        "A hat and a bow.",
        "The subject is a small brown dog. It has a curly coat and a red collar.",
        "She is a woman with a photogenic smile.",
        "An imaginative little robot.",
    ],
)
def test_plain_answers_are_kept(answer: str) -> None:
    assert reason_to_drop(answer) is None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "empty"),
        (" . ", "empty"),
        ("I'm sorry, but I can't help with that.", "refuses"),
        ("I cannot determine the material.", "refuses"),
        ("It is difficult to tell.", "refuses"),
        ("I don\u2019t know.", "refuses"),
        ("The eye color is not visible.", "refuses"),
        ("As an AI language model, I have no eyes.", "refuses"),
        ("The image features a red dog.", "mentions the photo"),
        ("A photograph of a cat", "mentions the photo"),
        ("Two pictures of a tower.", "mentions the photo"),
        ("red red red", "repeats"),
        ("It is red. It is red. It is red.", "repeats"),
        ("the dog wears a hat and the dog wears a hat", "repeats"),
        ("hahahahahahaha", "repeats"),
        ("a a a", "repeats"),
    ],
)
def test_unusable_answers_are_dropped_with_the_reason(answer: str, reason: str) -> None:
    assert reason_to_drop(answer) == reason


@pytest.mark.parametrize(
    ("answer", "mended"),
    [
        ("In the image, the dog is red.", "The dog is red."),
        ("in this photo the dog is red", "The dog is red"),
        ("The dog wears a hat in the picture.", "The dog wears a hat."),
        ("The dog in the picture frame", "The dog in the picture frame"),
        ("a  red\n dog ", "a red dog"),
    ],
)
def test_answers_that_stand_without_the_photo_are_mended(answer: str, mended: str) -> None:
    assert tidy(answer) == mended


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The subject's hat is blue.", "<bo>'s hat is blue."),
        ("This subject is red and THE SUBJECT is striped.", "<bo> is red and <bo> is striped."),
        ("The subjects are red.", "The subjects are red."),
    ],
)
def test_the_identifier_replaces_the_neutral_name(text: str, expected: str) -> None:
    assert personalize(text, NAMES, "<bo>") == expected


def test_a_cut_off_answer_keeps_its_whole_sentences() -> None:
    assert usable("The subject is red. It has a", NAMES, "<bo>", cut_off=True) == ("<bo> is red.", None)
    assert usable("a red and blue", NAMES, "<bo>", cut_off=True) == ("a red and blue", "unfinished")
    assert usable("a red and blue", NAMES, "<bo>", cut_off=False) == ("a red and blue", None)
