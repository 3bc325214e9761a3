"""When a base's own words for a subject are to be doubted."""

import pytest

from common.prompts.kinds import contradicts, doubt


@pytest.mark.parametrize(
    ("kind", "nouns"),
    [
        ("pet", ["dog", "dog", "dog", "turtle"]),
        ("person", ["woman"] * 5),
        ("object", ["mug"] * 3),
        ("object", ["stuffed dog"] * 3),
        ("character", ["robot", "robot", "robot"]),
        ("landmark", ["tower"]),
        ("pet", []),
    ],
)
def test_a_base_that_knows_what_it_sees_is_not_doubted(kind: str, nouns: list[str]) -> None:
    assert doubt(kind, [f"The subject is a {noun}." for noun in nouns]) is None


@pytest.mark.parametrize(
    ("kind", "nouns", "told"),
    [
        ("object", ["rabbit", "rabbit", "rabbit", "bottle"], "rabbit (3 of 4) and bottle (1 of 4)"),
        ("pet", ["bird", "turtle", "dog"], "bird (1 of 3) and turtle (1 of 3) and dog (1 of 3)"),
        ("pet", ["tower"] * 4, "tower (4 of 4) in its train photos, and declared as pet"),
        ("person", ["dog"] * 2, "declared as person"),
    ],
)
def test_one_that_does_not_is(kind: str, nouns: list[str], told: str) -> None:
    assert told in (doubt(kind, [f"It is a {noun}." for noun in nouns]) or "")


@pytest.mark.parametrize(
    ("noun", "answer", "known", "contradicted"),
    [
        ("teapot", "<bo> is a young girl.", True, True),
        ("teapot", "<bo> is a teapot with a dog on it.", False, False),
        ("a toy robot", "<bo> is a robot.", False, False),
        ("a teapot", "<bo> is a ball.", False, True),
        ("teapot", "A ball.", False, True),
        ("teapot", "<bo> is brown.", False, False),
        ("dog", "<bo> is a cat.", True, True),
        ("dog", "<bo> is a golden retriever.", True, False),
        ("mug", "Yes", False, False),
    ],
)
def test_an_answer_that_names_something_else_than_what_was_declared_is_found(
    noun: str, answer: str, known: bool, contradicted: bool
) -> None:
    assert contradicts(noun, answer, known=known) is contradicted
