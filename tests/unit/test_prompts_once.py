"""Training, test and world ask in the same words, each written once."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.prompts import attribute_questions, captions, evaluation, instructions, interview, recognition
from common.prompts.prompt_sets import DRAWN, OTHER
from common.world import text
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


@pytest.mark.parametrize("prompt", [instructions.BRIEF, instructions.LETTER, captions.DESCRIBE])
def test_an_instruction_is_written_in_one_place(prompt: str):
    places = [path for path, text in typed("stages", "common", "commands") if text == prompt]
    assert len(places) == 1, places


def test_world_and_stages_type_no_question_of_their_own():
    asked = attribute_questions
    forms = {form for forms in (*asked.OPEN.values(), asked.WHOLE, asked.PRESENCE) for form in forms}
    forms |= {form.replace("{name}", "<{subject}>") for form in forms}
    assert not [path for path, text in typed("stages", "common/world") if text in forms]


def typed(*rooms: str) -> Iterator[tuple[Path, str]]:
    """Every constant text in the source of these folders."""
    for room in rooms:
        for path in (ROOT / room).glob("**/*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield path, node.value
