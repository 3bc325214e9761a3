"""The short and the long description that the prompting controls use."""

import pytest

from stages.synthesize.descriptions import long_description, short_description


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("<bo> is a red striped dog with a hat on.", "<bo> is a red striped dog with a hat on."),
        ("A red striped dog with a hat on", "<bo> is a red striped dog with a hat on."),
        ("It is a red dog. It looks happy.", "<bo> is a red dog."),
        ("It's a red dog.", "<bo> is a red dog."),
        ("There is a red dog.", "<bo> is a red dog."),
        ("The dog is red with blue stripes.", "<bo> is red with blue stripes."),
        ("The red dog with a hat.", "<bo> is the red dog with a hat."),
        ("<bo> has a red coat.", "<bo> has a red coat."),
        ("red dog", "<bo> is red dog."),
    ],
)
def test_every_form_of_answer_becomes_a_definition(answer: str, expected: str) -> None:
    assert short_description("<bo>", "pet", [answer]) == expected


def test_the_most_typical_answer_wins() -> None:
    answers = [
        "<bo> is a blue cup.",
        "<bo> is a red dotted dog.",
        "<bo> is a red dog.",
        "<bo> is a red striped dog.",
    ]
    assert short_description("<bo>", "pet", answers) == "<bo> is a red dog."


def test_without_answers_the_declared_kind_is_said() -> None:
    assert short_description("<bo>", "landmark", []) == "<bo> is a landmark."
    assert short_description("<bo>", "object", []) == "<bo> is an object."
    assert short_description("<bo>", "Airedale", []) == "<bo> is an Airedale."
    assert short_description("<bo>", "a teapot", []) == "<bo> is a teapot."


def test_the_long_description_says_everything_once() -> None:
    answers = [
        "Red.",
        "It is red.",
        "it is red",
        "A red dog on the beach",
        "<bo> is a red dog.",
        "It has a hat. It is red.",
    ]
    assert long_description("<bo> is a red dog.", answers) == (
        "<bo> is a red dog. It is red. A red dog on the beach. It has a hat."
    )
