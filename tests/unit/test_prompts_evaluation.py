"""Strict parsing and both orders of two-choice questions."""

from types import SimpleNamespace

import pytest

from common.prompts.evaluation import (
    brief,
    only_option,
    parse,
    recognition_question,
    right_letter,
)
from common.prompts.instructions import choice_question
from common.testdata.ground_truth import ChoiceQuestion, Questions
from stages.evaluate import published
from stages.evaluate.benchmarks.multiple_choice import MultipleChoiceBenchmark
from stages.evaluate.benchmarks.open_answers import OpenAnswersBenchmark
from stages.evaluate.eval_set import EvalSet
from tests.support.predictions import SETTINGS


def asking(questions: Questions) -> EvalSet:
    """A test of one subject, of these questions alone."""
    return EvalSet({"bo": questions}, {}, {}, {}, SETTINGS, 0)


@pytest.mark.parametrize("answer", ["Yes", "yes", " YES.\n", "Yes."])
def test_yes_is_read_whatever_its_case_space_or_period(answer):
    assert parse(answer, ("yes", "no")) == "yes"


@pytest.mark.parametrize(
    "answer", ["", ".", "Yes, I can", "Yes No", "yes..", "Yeah", "not", "know", "A", "<bo>"]
)
def test_anything_else_is_no_answer(answer):
    assert parse(answer, ("yes", "no")) is None


@pytest.mark.parametrize(
    ("answer", "letter"), [("A", "A"), ("b.", "B"), ("A. ball", None), ("", None), ("a b", None)]
)
def test_letters_are_read_as_strictly(answer, letter):
    assert parse(answer, ("A", "B")) == letter


@pytest.mark.parametrize(
    ("answer", "option"),
    [
        ("<bo> is next to the Ball.", "a ball"),
        ("A ball", "a ball"),
        ("<bo> is next to a ball and a box.", None),  # both, of which one is wrong
        ("<bo> plays football.", None),
        ("It is in the forest.", "in the forest"),
        ("It is near the forest.", None),
        ("", None),
    ],
)
def test_a_free_answer_holds_one_option_as_whole_words(answer: str, option: str | None):
    assert only_option(answer, ("a ball", "a box", "in the forest")) == option


def test_a_question_is_asked_freely_once_and_the_photo_left_out_for_the_blind():
    color = ChoiceQuestion(question="What color is <bo>?", options=("red", "blue"), answer=0)
    again = ChoiceQuestion(question="What color is <bo>?", options=("green", "red"), answer=1)
    beside = ChoiceQuestion(
        question="What is next to <bo>?", options=("a ball", "a box"), answer=1, image="00.png"
    )
    benchmark = OpenAnswersBenchmark(asking(Questions(visual=[beside], text=[color, again])))
    responder = SimpleNamespace(name="soft_prompt", controls={"blind"}.intersection)
    asked = benchmark.build_requests(responder)
    assert [(request.method, request.photo, request.question) for _, request in asked] == [
        ("soft_prompt", "bo/test/00.png", "What is next to <bo>?"),
        ("blind", None, "What is next to <bo>?"),
        ("soft_prompt", None, "What color is <bo>?"),
    ]
    rows = [
        benchmark.parse_response(row, SimpleNamespace(text=text))
        for (row, _), text in zip(
            asked, ["The person is next to a box.", "A ball.", "<bo> is green."], strict=True
        )
    ]
    assert [(row["truth"], row["correct"], row["named"]) for row in rows] == [
        ("a box", True, False), ("a box", False, False), ("red", False, True)
    ]  # fmt: skip


def test_the_wording_is_llava_s():
    assert recognition_question("bo") == (
        "Can you see <bo> in this photo? Answer the question using a single word or phrase."
    )
    assert choice_question("What color is <bo>?", ("red", "blue"), 1) == (
        "What color is <bo>?\nA. blue\nB. red\n"
        "Answer with the option's letter from the given choices directly."
    )


@pytest.mark.parametrize(("answer", "order", "letter"), [(0, 0, "A"), (1, 0, "B"), (0, 1, "B"), (1, 1, "A")])
def test_the_right_letter_moves_with_the_order(answer, order, letter):
    assert right_letter(answer, order) == letter


def test_always_a_scores_half_over_both_orders_however_skewed_the_truth():
    skewed = [ChoiceQuestion(question=f"{i}?", options=("x", "y"), answer=0) for i in range(10)]
    benchmark = MultipleChoiceBenchmark(asking(Questions(text=skewed)))
    requests = benchmark.build_requests(SimpleNamespace(name="majority", controls=set().intersection))
    rows = [
        benchmark.parse_response(row, SimpleNamespace(text=request.task.options[0]))
        for row, request in requests
    ]
    assert {row["parsed"] for row in rows} == {"A"} and len(rows) == 20
    assert sum(row["correct"] for row in rows) / len(rows) == 0.5


def test_four_options_are_lettered_and_moved_up_and_the_right_letter_with_them():
    options = ("w", "x", "y", "z")
    for order in range(4):
        question = choice_question("Which?", options, order)
        letter = right_letter(2, order, 4)
        assert f"\n{letter}. y\n" in question
    assert choice_question("Which?", options, 1).startswith("Which?\nA. x\nB. y\nC. z\nD. w\n")


def test_brevity_is_asked_for_once():
    once = "Is it red? Answer the question using a single word or phrase."
    assert brief("Is it red?") == brief(once) == once


@pytest.mark.parametrize(
    ("answer", "read"),
    [
        ("No", "no"),
        ("no, there is none", "no"),
        ("There is not. Yes", "no"),
        ("Yes. No", "yes"),
        ("Nothing", "yes"),
        ("", "yes"),
        ("NO", "yes"),
    ],
)
def test_pope_is_read_as_its_published_script_does(answer, read):
    assert published.yes_or_no(answer) == read


@pytest.mark.parametrize(
    ("answer", "read"),
    [
        ("B", "B"),
        ("(B).", "B"),
        ("B. a blue ball", "B"),
        ("The answer is C", "C"),
        ("It is a red ball, I think", "A"),
        ("A red one is what I see", None),
        ("A blue ball", "A"),  # up to three words, the article counts as the letter
        ("A or B", None),
        ("a red ball or a blue ball", None),
        ("a blue ball", "B"),
        ("", None),
    ],
)
def test_mmbench_is_read_by_letter_then_by_option(answer, read):
    assert published.letter(answer, ("a red ball", "a blue ball", "nothing")) == read


def test_a_long_answer_names_no_option():
    assert published.letter("well " * 20 + "a red ball", ("a red ball", "nothing")) is None
