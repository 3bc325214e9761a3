"""The recognition templates: how many, how they answer, and that no wording gives the answer away."""

from common.prompts.recognition import TEMPLATES, VALIDATION


def test_there_are_thirty_different_questions() -> None:
    assert len(TEMPLATES) == len({template.question for template in TEMPLATES}) == 30


def test_every_question_names_the_subject_and_every_answer_says_yes_or_no_first() -> None:
    for question, yes, no in (*TEMPLATES, VALIDATION):
        assert question.count("{name}") == 1
        assert yes.split(",")[0] == "Yes"
        assert no.split(",")[0] == "No"
        assert yes.count("{name}") <= 1 >= no.count("{name}")


def test_one_word_answers_go_with_the_request_for_them() -> None:
    brief = [template for template in TEMPLATES if "single word" in template.question]
    assert 10 <= len(brief) <= 20
    assert all((template.yes, template.no) == ("Yes", "No") for template in brief)
    assert all("{name}" in template.no for template in TEMPLATES if template not in brief)


def test_the_validation_question_is_the_one_that_evaluate_asks_and_is_never_trained() -> None:
    assert VALIDATION.question == (
        "Can you see {name} in this photo? Answer the question using a single word or phrase."
    )
    assert VALIDATION not in TEMPLATES
