"""What is told beside an answer, by the words of the question."""

import pytest

from common.assistant.hints import ALONE, NO_PHOTO, hint


@pytest.mark.parametrize(
    ("question", "photo", "forgotten", "told"),
    [
        ("Is <bo> in this photo?", False, False, NO_PHOTO),
        ("What is <bo> wearing?", False, True, NO_PHOTO),
        ("Is <bo> in this photo?", True, True, ""),
        ("What kind of thing is <bo>?", False, True, ""),
        ("And what color is it?", True, True, ALONE),
        ("And what color is it?", True, False, ""),
        ("Does <bo> have its hat on?", True, True, ""),
    ],
)
def test_a_question_that_speaks_of_what_is_not_seen(question: str, photo: bool, forgotten: bool, told: str):
    assert hint(question, photo=photo, forgotten=forgotten) == told
