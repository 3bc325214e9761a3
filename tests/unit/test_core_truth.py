"""Questions files: what is refused, and with which words."""

import pytest

from stages.core import paths
from stages.core.errors import UserError
from stages.core.truth import load_questions
from tests.subjects import populate


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "Invalid JSON"),
        ('{"textual": []}', "textual"),
        ('{"text": [{"question": "?", "options": ["a", "b"], "answer": 2}]}', "text.0.answer"),
        (
            '{"visual": [{"image": "77.png", "question": "?", "options": ["a", "b"], "answer": 1}]}',
            "77.png, which is not in",
        ),
        ('{"text": [{"question": "", "options": ["a", "b"], "answer": 1}]}', "text.0.question"),
        ('{"text": [{"question": "?", "options": ["a", "a"], "answer": 1}]}', "both options are the same"),
    ],
)
def test_a_bad_questions_file_is_a_clear_sentence(workspace, content, complaint):
    populate({"bo": "world"})
    (paths.truth_dir("bo", "world") / "questions.json").write_text(content)
    with pytest.raises(UserError, match=complaint):
        load_questions("bo", "world")
