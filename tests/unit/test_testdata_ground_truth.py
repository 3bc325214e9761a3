"""Questions files: what is refused, and with which words."""

import pytest

from common.core import paths
from common.core.errors import UserError
from common.testdata.ground_truth import load_questions, load_two_subjects
from tests.support.helpers import save_photo
from tests.support.subjects import populate


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


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "Invalid JSON"),
        ('[{"image": "0.png", "left": "bo"}]', "0.right.*may hold a list"),
        ('[{"image": "0.png", "left": "bo", "right": "bo"}]', "a subject is named twice"),
        ('[{"image": "0.png", "left": "bo", "right": "rex", "absent": ["bo"]}]', "a subject is named twice"),
        ('[{"image": "1.png", "left": "bo", "right": "rex"}]', "1.png is not in"),
        ('[{"image": "../0.png", "left": "bo", "right": "rex"}]', "names a file outside"),
        ('[{"image": "/dev/null", "left": "bo", "right": "rex"}]', "names a file outside"),
        ("[" * 100_000, "too deeply nested"),
    ],
)
def test_a_bad_list_of_photos_of_two_is_a_clear_sentence(tmp_path, content, complaint):
    save_photo(tmp_path / "0.png")
    (tmp_path / "two_subjects.json").write_text(content)
    with pytest.raises(UserError, match=complaint):
        load_two_subjects(tmp_path)


def test_a_questions_file_may_have_a_mark_and_must_be_utf_8(workspace):
    populate({"bo": "world"})
    path = paths.truth_dir("bo", "world") / "questions.json"
    text = '{"text": [{"question": "At the café?", "options": ["a", "b"], "answer": 1}]}'
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert load_questions("bo", "world").text[0].question == "At the café?"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=r"text\.0.*not UTF-8: save the file as UTF-8"):
        load_questions("bo", "world")


def test_photos_of_two_say_who_is_there_and_who_is_not(tmp_path):
    save_photo(tmp_path / "0.png")
    (tmp_path / "two_subjects.json").write_text(
        '[{"image": "0.png", "left": "bo", "right": "rex", "absent": ["mam"]}]'
    )
    (row,) = load_two_subjects(tmp_path)
    assert (row.shown, row.absent) == (("bo", "rex"), ["mam"])
