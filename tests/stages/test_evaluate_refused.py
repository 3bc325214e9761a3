"""What evaluate refuses before it asks anything, each in a sentence that names the file."""

import re
import shutil
from pathlib import Path

import pytest

from common.core import paths
from tests.support.evaluate_helpers import populated
from tests.support.helpers import run_here


@pytest.fixture
def prepared(workspace: Path, tiny_llava: Path) -> None:
    populated(tiny_llava)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("questions: [{question: Is <my-dog> here?, photo: 77.png}]", "77.png is neither in"),
        ("questions: [{question: Is <my-dog> here?, photo: ../../../x}]", "outside"),
        ("questions: [{question: Is <bo> here?}]", "<bo> is unknown"),
        ("questions: [{ask: Is <my-dog> here?}]", r"questions\.0\.question"),
        ("question: Is <my-dog> here?", "question"),
    ],
)
def test_a_user_s_questions_that_cannot_be_asked_are_one_sentence(prepared, text, reason):
    paths.own_questions("my-dog", "own").write_text(text)
    for stage in ("check", "evaluate"):
        done = run_here(stage)
        assert done.returncode == 1 and "Traceback" not in done.stderr
        assert "questions.yaml" in done.stderr and re.search(reason, done.stderr)


def test_a_test_photo_that_was_trained_on_is_refused(prepared):
    train, test = paths.train_photos("bo", "world"), paths.test_photos("mam", "world")
    shutil.copy(train / "00.png", test / "09.png")
    done = run_here("evaluate")
    assert done.returncode == 1
    assert "data/world/subjects/mam/test/09.png was used to train bo" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_malformed_questions_file_is_named_with_the_place(prepared):
    path = paths.truth_dir("bo", "world") / "questions.json"
    path.write_text('{"text": [{"question": "What color?", "options": ["red"], "answer": 0}]}')
    done = run_here("evaluate")
    assert done.returncode == 1
    assert f"{path}, text.0.options" in done.stderr and "Traceback" not in done.stderr
