"""POPE's and MMBench's files: read as their authors publish them, refused with file and line."""

import base64
import json
from pathlib import Path

import pytest

from common.core.errors import UserError
from common.testdata.general_vqa import load_general_vqa
from tests.support.helpers import save_photo

POLL = {"question_id": 1, "image": "a.jpg", "text": "Is there a dog in the image?", "label": "yes"}
HEADER = "index\tquestion\thint\tA\tB\tC\tD\tanswer\tcategory\tl2-category\timage\tsplit\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_photo(tmp_path / "images/a.jpg")
    return tmp_path


def table(folder: Path, *rows: str) -> None:
    (folder / "mmbench_dev.tsv").write_text(HEADER + "".join(f"{row}\n" for row in rows))


def picture(folder: Path) -> str:
    return base64.b64encode((folder / "images/a.jpg").read_bytes()).decode()


def test_pope_s_three_settings_are_told_apart_by_their_files_or_by_a_category(folder):
    for setting in ("random", "popular"):
        rows = [POLL, POLL | {"question_id": 2, "label": "no"}]
        (folder / f"coco_pope_{setting}.json").write_text("\n".join(map(json.dumps, rows)))
    (folder / "llava.jsonl").write_text(json.dumps(POLL | {"category": "adversarial"}) + "\n")
    found = load_general_vqa(folder)
    assert [(one.category, one.id, one.answer) for one in found] == [
        *(("popular", "1", "yes"), ("popular", "2", "no")),
        *(("random", "1", "yes"), ("random", "2", "no")),
        ("adversarial", "1", "yes"),
    ]
    assert found[0].image == folder / "images/a.jpg" and found[0].options == ()


def test_mmbench_s_hint_options_and_image_are_read_and_rotated_copies_left_out(folder):
    image = picture(folder)
    table(
        folder,
        f"241\tWhich one?\tA hint\tred\tblue\tgreen\t\tC\tcolor\tfine\t{image}\tdev",
        f"1000241\tWhich one?\tA hint\tblue\tgreen\tred\t\tB\tcolor\tfine\t{image}\tdev",
        "242\tAnd here?\t\tred\tblue\tnan\t\tA\tcolor\tfine\t241\tdev",
    )
    first, second = load_general_vqa(folder)
    assert (first.question, first.options, first.answer) == (
        "A hint\nWhich one?",
        ("red", "blue", "green"),
        "C",
    )
    assert (second.id, second.question, second.options) == ("242", "And here?", ("red", "blue"))
    assert first.image == second.image == (folder / "images/a.jpg").read_bytes()


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", r"pope\.json, line 2: one JSON object per line must hold"),
        ('["question_id"]', "line 2: one JSON object per line must hold"),
        (json.dumps(POLL | {"label": "maybe"}), "line 2: the label is 'maybe': write yes or no"),
        (json.dumps(POLL), "line 2: question_id 1 is there twice"),
        (json.dumps(POLL | {"question_id": 2, "image": "b.jpg"}), r"line 2: .*images/b\.jpg is missing"),
    ],
)
def test_a_bad_line_of_pope_is_named(folder, line, complaint):
    (folder / "pope.json").write_text(f"{json.dumps(POLL)}\n{line}\n")
    with pytest.raises(UserError, match=complaint):
        load_general_vqa(folder)


def test_a_mark_and_bytes_that_are_no_utf_8_lose_no_question(folder):
    row = json.dumps(POLL | {"text": "caf\xe9?"}, ensure_ascii=False).encode("latin-1")
    (folder / "pope.json").write_bytes(b"\xef\xbb\xbf" + row + b"\r\n")
    image = picture(folder)
    rows = HEADER.encode() + f"1\tcaf\xe9?\t\tred\tblue\t\t\tA\tc\tl\t{image}\tdev\n".encode("latin-1")
    (folder / "mmbench_dev.tsv").write_bytes(b"\xef\xbb\xbf" + rows)
    assert [one.question for one in load_general_vqa(folder)] == ["caf\ufffd?", "caf\ufffd?"]


@pytest.mark.parametrize("name", ["../secret.jpg", "/etc/hostname", "deep/../../secret.jpg", "linked.jpg"])
def test_images_of_pope_come_from_its_folder_alone(folder, name):
    save_photo(folder / "secret.jpg")
    (folder / "images/linked.jpg").symlink_to("../secret.jpg")
    (folder / "pope.json").write_text(json.dumps(POLL | {"image": name}))
    with pytest.raises(UserError, match=r"names a file outside .*images"):
        load_general_vqa(folder)


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("x\t?\t\tred\tblue\t\t\tA\tc\tl\t{image}\tdev", "row 1: the index is 'x'"),
        ("1\t?\t\tred\t\t\t\tA\tc\tl\t{image}\tdev", "index 1: a row needs a question and the options"),
        ("1\t?\t\tred\tblue\t\t\tC\tc\tl\t{image}\tdev", "index 1: the answer is 'C', none of its"),
        ("1\t?\t\tred\tblue\t\t\t\tc\tl\t{image}\ttest", "index 1: the answer is None.*dev split"),
        ("1\t?\t\tred\tblue\t\t\tA\tc\tl\t77\tdev", "index 1: the image is neither base64 nor"),
        ("1\t?\t\tred\tblue\t\t\tA\tc\tl\t\tdev", "index 1: the image is neither base64 nor"),
    ],
)
def test_a_bad_row_of_mmbench_is_named(folder, row, complaint):
    table(folder, row.format(image=picture(folder)))
    with pytest.raises(UserError, match=complaint):
        load_general_vqa(folder)


def test_a_table_without_a_needed_column_is_refused(folder):
    (folder / "x.tsv").write_text("index\tquestion\tA\tB\tanswer\n1\t?\ta\tb\tA\n")
    with pytest.raises(UserError, match=r"x\.tsv, line 1: the column image is missing"):
        load_general_vqa(folder)


def test_a_folder_without_questions_is_refused(folder):
    with pytest.raises(UserError, match="holds no questions"):
        load_general_vqa(folder)
    with pytest.raises(UserError, match="is missing: mend"):
        load_general_vqa(folder / "nowhere")
