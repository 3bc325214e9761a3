"""Strict parsing and both orders of two-choice questions."""

from types import SimpleNamespace

import pytest

from stages.core.truth import Question, Questions
from stages.evaluate import choices
from stages.evaluate.wording import choice_question, parse, recognition_question, right_letter
from stages.methods.soft_prompt import CONSTANT


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
    skewed = [Question(question=f"{i}?", options=("x", "y"), answer=0) for i in range(10)]
    listener = SimpleNamespace(asked=lambda kind: ["majority"])
    asks = choices.asks({"bo": Questions(text=skewed)}, [], listener)
    rows = [choices.answered(row, SimpleNamespace(text=CONSTANT)) for row, _ in asks]
    assert {row["parsed"] for row in rows} == {"A"} and len(rows) == 20
    assert sum(row["correct"] for row in rows) / len(rows) == 0.5
