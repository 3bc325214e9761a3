import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from common.world import text
from common.world.attributes import NAMEABLE, SCENE, Individual, Scene, draw_individual, draw_scene
from stages.render.questions import text_questions, visual_questions

ATTRIBUTES = NAMEABLE | SCENE
NAME = "<rex-2>"
DOG = Individual("dog", "orange", "blue", "striped", "nothing", (1, 1, 1, 0, 0, 0, 1, 0, 0), 7)
SNOW = Scene("snow", "nothing")


def pairs(count: int = 100) -> Iterator[tuple[Individual, Scene]]:
    rng = np.random.default_rng(0)
    for _ in range(count):
        yield draw_individual(rng), draw_scene(rng)


def wordings(who: Individual, scene: Scene) -> list[str]:
    """Everything that can be said or asked about `NAME`."""
    said = [text.definition(NAME, who), text.caption(who, scene)]
    for attribute in ATTRIBUTES:
        value = text.value_of(who, scene, attribute)
        said += [text.sentence(NAME, attribute, value), text.probe(NAME, attribute, value)]
        said += [form.format(name=NAME) for form in text.OPEN[attribute]]
    forms = (*text.WHOLE, *text.CAPTION)
    return [text.capitalized(line) for line in said + [form.format(name=NAME) for form in forms]]


def test_articles_fit_their_words():
    for who, scene in pairs():
        for line in wordings(who, scene):
            assert not re.search(r"\b[Aa] [aeiou]", line), line
            assert not re.search(r"\b[Aa]n [^aeiou]", line), line
            assert not re.search(r"\ban? nothing\b", line), line


def test_wordings_are_whole_sentences():
    for line in wordings(DOG, SNOW):
        assert line[-1] in ".?", line
        assert line[0] in "<ABCDEFGHIJKLMNOPQRSTUVWXYZ", line
        assert "  " not in line, line
        assert "{" not in line, line


def test_identifiers_survive_unchanged():
    lines = [
        line
        for line in wordings(DOG, SNOW)
        if not line.startswith(("An orange", "Describe this", "What does this"))
    ]
    assert lines
    assert all(line.count(NAME) == 1 for line in lines if line != text.caption(DOG, SNOW))


def test_a_definition_names_every_attribute():
    for who, _ in pairs():
        sentence = text.definition(NAME, who)
        assert all(getattr(who, attribute) in sentence for attribute in NAMEABLE)
    assert text.definition(NAME, DOG) == "<rex-2> is an orange and blue striped dog with nothing on."


def test_a_caption_tells_the_scene_too():
    wanted = "A red and blue striped dog with nothing on in the snow next to nothing."
    assert text.caption(replace(DOG, color="red"), SNOW) == wanted


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_a_wrong_value_is_never_true(attribute: str):
    rng = np.random.default_rng(1)
    for who, scene in pairs():
        wrong = text.other_value(attribute, who, scene, rng)
        assert wrong in ATTRIBUTES[attribute]
        assert wrong != text.value_of(who, scene, attribute)
        if attribute in ("color", "second"):
            assert wrong not in (who.color, who.second)


def test_options_differ_and_the_right_one_is_where_the_answer_says():
    rng = np.random.default_rng(2)
    places = []
    for who, scene in pairs():
        for question in visual_questions(NAME, who, scene, rng) + text_questions(NAME, who, rng):
            right, wrong = (
                question["options"][question["answer"]],
                question["options"][1 - question["answer"]],
            )
            true = {text.option(name, text.value_of(who, scene, name)) for name in ATTRIBUTES}
            assert right in true
            assert right != wrong
            assert NAME in question["question"]
            places.append(question["answer"])
    assert 0.45 < np.mean(places) < 0.55


def test_a_sentence_starts_with_a_capital_unless_with_an_identifier():
    assert text.capitalized("it is red.") == "It is red."
    assert text.capitalized(f"{NAME} is red.") == f"{NAME} is red."
