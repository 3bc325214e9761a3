"""Others' JSON within bounds, names that stay in their folder, and words that move no terminal."""

import os
from pathlib import Path

import pytest
from pydantic import BaseModel

from common.core.errors import UserError
from common.core.foreign import FormError, inside, parsed, read
from common.core.progress import UNKNOWN, plain, printable


class Row(BaseModel):
    name: str
    value: float = 0


def test_a_mark_bad_bytes_and_half_surrogates_lose_nothing():
    data = b'\xef\xbb\xbf[{"name": "caf\xe9"}, {"name": "\\ud83d\\ude00 \\ud800"}, {"name": "caf\xc3\xa9"}]'
    assert [row.name for row in parsed(data, list[Row])] == [f"caf{UNKNOWN}", f"😀 {UNKNOWN}", "café"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"{", "Invalid JSON"),
        (b"", "Invalid JSON"),
        (b"[" * 100_000, "too deeply nested"),
        (b'{"a":' * 100_000, "too deeply nested"),
        (b"[" * 700 + b'"\\ud800"' + b"]" * 700, "too deeply nested"),
        (b'[{"name": "a", "value": NaN}]', r"0\.value: Input should be a valid number"),
        (b'[{"name": "a", "value": -Infinity}]', r"0\.value: Input should be a valid number"),
        (b'[{"name": "a", "value": 1' + b"0" * 5000 + b"}]", "Invalid JSON"),
        (b'[{"name": 3}]', r"0\.name: Input should be a valid string"),
        (b'{"name": "a"}', "valid list"),
        (b"[" + b" " * 1000 + b"]", "more than 1,000 bytes"),
    ],
)
def test_json_out_of_bounds_is_refused(data: bytes, reason: str):
    with pytest.raises(FormError, match=reason):
        parsed(data, list[Row], max_bytes=1000 if "1,000" in reason else 10**6)


def test_a_file_that_is_none_is_refused(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "folder.json").mkdir()
    for name in ("pipe.json", "folder.json"):
        with pytest.raises(UserError, match=rf"{name} is no regular file"):
            read(tmp_path / name, Row, "a row")
    with pytest.raises(UserError, match=r"absent\.json cannot be opened"):
        read(tmp_path / "absent.json", Row, "a row")


def test_names_stay_in_their_folder(tmp_path: Path):
    folder, secret = tmp_path / "folder", tmp_path / "secret.png"
    (folder / "deep").mkdir(parents=True)
    secret.touch()
    (folder / "a.png").touch()
    (folder / "out.png").symlink_to(secret)
    (folder / "in.png").symlink_to("a.png")
    (folder / "round").symlink_to("round")
    (folder / "up").symlink_to("..")
    os.mkfifo(folder / "pipe")
    for name in ("a.png", "./a.png", "deep/../a.png", str(folder / "a.png"), "in.png", "deep/absent.png"):
        assert inside(folder, name) == folder / name
    for name in (
        "../secret.png",
        "deep/../../secret.png",
        str(secret),
        "out.png",
        "up/secret.png",
        "/etc/passwd",
    ):
        with pytest.raises(UserError, match="outside"):
            inside(folder, name)
    for name in ("pipe", "deep", ""):
        with pytest.raises(UserError, match="no regular file"):
            inside(folder, name)
    for name in ("a\0b", "\x1b[2J.png", "a\nb", "x" * 5000, "round/x"):
        with pytest.raises(UserError, match=r"cannot be the name|no regular"):
            inside(folder, name)


def test_a_linked_folder_is_the_users_own_choice(tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/a.png").touch()
    (tmp_path / "images").symlink_to("elsewhere")
    assert inside(tmp_path / "images", "a.png").exists()


def test_words_of_others_move_no_terminal():
    text = "\x1b]0;title\x07\x1b[2Jred\r\n\x9b31m \u202egreen\ud800 ✓ 名"
    assert (
        printable(text)
        == f"{UNKNOWN}]0;title{UNKNOWN}{UNKNOWN}[2Jred{UNKNOWN} {UNKNOWN}31m green{UNKNOWN} ✓ 名"
    )
    assert plain("one\n\ttwo") == "one\n\ttwo"
    assert printable("a" * 10_000) == "a" * 200 + "…"
