"""Training, test and world ask in the same words, each written once."""

import ast

import pytest

from common.prompts import captions, evaluation, instructions, interview, recognition
from common.prompts.prompt_sets import DRAWN, OTHER
from common.world import text
from stages.render.questions import PERSON_FORMS
from tests.support.helpers import ROOT


def test_the_test_asks_what_the_epoch_is_chosen_on():
    assert evaluation.recognition_question("bo") == recognition.validation().question.format(name="<bo>")


@pytest.mark.parametrize(
    "question",
    [question for kind in ("person", OTHER) for question in interview.questions_for(kind, DRAWN)],
    ids=lambda question: question.intent,
)
def test_the_interview_asks_in_forms_that_the_base_has_learned(question: interview.AttributeQuestion):
    assert question.text in {form for forms in (*text.OPEN.values(), text.WHOLE) for form in forms}


def test_the_world_asks_people_in_forms_that_the_base_has_learned():
    assert all(form in text.OPEN[attribute] for attribute, form in PERSON_FORMS.items())


@pytest.mark.parametrize("prompt", [instructions.BRIEF, instructions.LETTER, captions.DESCRIBE])
def test_an_instruction_is_written_in_one_place(prompt: str):
    places = [
        path
        for room in ("stages", "common", "commands")
        for path in (ROOT / room).glob("**/*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value == prompt
    ]
    assert len(places) == 1, places
