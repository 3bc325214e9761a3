"""The recognition templates: how many, how they answer, and that no wording gives the answer away."""

import pytest

from common.prompts.prompt_sets import prompt_sets
from common.prompts.recognition import Template, asks_presence, templates, validation

each_set = pytest.mark.parametrize("found", [*map(templates, prompt_sets().recognition)])


@each_set
def test_there_are_thirty_different_questions(found: tuple[Template, ...]) -> None:
    assert len(found) == len({template.question for template in found}) == 30


@each_set
def test_every_question_names_the_subject_and_every_answer_says_yes_or_no_first(
    found: tuple[Template, ...],
) -> None:
    for question, yes, no in (*found, validation()):
        assert question.count("{name}") == 1
        assert yes.split(",")[0] == "Yes"
        assert no.split(",")[0] == "No"
        assert yes.count("{name}") <= 1 >= no.count("{name}")


@each_set
def test_one_word_answers_go_with_the_request_for_them(found: tuple[Template, ...]) -> None:
    brief = [template for template in found if "single word" in template.question]
    assert 10 <= len(brief) <= 20
    assert all((template.yes, template.no) == ("Yes", "No") for template in brief)
    assert all(template.no.startswith("No, ") for template in found if template not in brief)


@each_set
def test_the_validation_question_is_the_one_that_evaluate_asks_and_is_never_trained(
    found: tuple[Template, ...],
) -> None:
    assert validation().question == (
        "Can you see {name} in this photo? Answer the question using a single word or phrase."
    )
    assert validation() not in found


def test_who_asks_for_presence_is_understood_in_the_words_of_every_set() -> None:
    for question in (
        "did  the camera catch <bo>",
        "Did <bo> get into this photo?",
        "Can you see <bo> in this photo?",
    ):
        assert asks_presence(question, "<bo>")
    assert not asks_presence("What color is <bo>?", "<bo>")
