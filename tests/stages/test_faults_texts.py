"""description.txt and facts.yaml as editors save them and as attackers write them, through check."""

import os
from itertools import pairwise
from pathlib import Path

import pytest

from common.core import facts
from tests.support.helpers import ROOT, run_stage, save_photo, set_params

BO = Path("data/subjects/bo")


@pytest.fixture(autouse=True)
def own_subject(workspace: Path) -> None:
    """One own subject, with nothing wrong."""
    Path("models").symlink_to(ROOT / "models")
    set_params({"subjects": {"bo": {"kind": "pet"}}})
    for number in range(5):
        save_photo(BO / f"train/{number}.png", 30 * number)
    save_photo(BO / "test/0.png", 200)


def refusal() -> list[str]:
    done = run_stage("check")
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    lines = done.stderr.splitlines()
    assert all(len(line) < 300 for line in lines)
    return lines


def accepted() -> None:
    done = run_stage("check")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"\xef\xbb\xbf \r\n", "is empty"),
        (b"a caf\xe9", "cannot be read as text: save it as UTF-8"),
        ("a dog".encode("utf-16"), "cannot be read as text: save it as UTF-8"),
        (b"a \0 dog", "control characters"),
        (b"a \x1b[2J dog", "control characters"),
        (b"x" * 10_000, "more than 8,000 bytes"),
        (b"like <rex>", "<rex> is unknown"),
    ],
)
def test_a_description_that_is_none(data: bytes, sentence: str):
    (BO / "description.txt").write_bytes(data)
    (said,) = refusal()
    assert "bo/description.txt" in said and sentence in said


@pytest.mark.parametrize("data", [b"\xef\xbb\xbfa dog, <Bo>\r\n", b"a dog, sks", b" a dog, <sks>\n"])
def test_what_editors_add_to_a_description_is_no_part_of_it(data: bytes):
    (BO / "description.txt").write_bytes(data)
    accepted()
    assert facts.read_description(BO / "description.txt", "bo") == "a dog, <bo>"


@pytest.mark.parametrize("name", ["description.txt", "facts.yaml"])
def test_what_is_no_file_is_not_waited_for(name: str):
    os.mkfifo(BO / name)
    assert f"{name} is no file" in refusal()[0]
    (BO / name).unlink()
    (BO / name).symlink_to("/dev/zero")
    assert f"{name} is no file" in refusal()[0]
    (BO / name).unlink()
    (BO / name).mkdir()
    assert f"{name} is no file" in refusal()[0]


BOMB = b"a: &a [x, x, x, x, x, x, x, x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (new, new, b", ".join([b"*%c" % old] * 8)) for old, new in pairwise(b"abcdefg")
)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (BOMB + b"facts: *g", "aliases make more than"),
        (b"facts: " + b"[" * 5000, "levels deep"),
        (b"facts: &a [*a]", "aliases make more than"),
        (b"facts: [{question: a, answer: " + b"9" * 2999 + b"}]", "facts.0.answer is 99"),
        (b"facts: [{question: a, answer: " + b"9" * 5000 + b"}]", "more than 3,000 letters"),
        (b"facts: [{question: a, answer: 4}]", "facts.0.answer is 4: put it in quotation marks"),
        (b"facts: [{question: a, answer: 2020-01-01}]", "put it in quotation marks"),
        (b"facts: [{question: a, answer: .nan}]", "put it in quotation marks"),
        (b"facts: [{question: a, answer: b, answer: c}]", "duplicate key"),
        (b"facts: {question: a, answer: b}", "write a list"),
        (b"facts: [{question: a, answr: b}]", "facts.0.answer is missing: add it"),
        (
            b"facts: [{question: a, answer: b, answr: c}]",
            "facts.0.answr is not a known key: did you mean answer?",
        ),
        (b'facts: [{question: "\\e[2J", answer: b}]', "control characters"),
        (b'facts: [{question: "a\0", answer: b}]', "is not valid YAML"),
        (b"facts: [{question: caf\xe9, answer: b}]", "cannot be read as text"),
        (b"facts:\n\t- {question: a, answer: b}", "in line 2"),
        (b"facts: !!python/object:os.system [a]", "is not valid YAML"),
        (b"facts: []\n---\nfacts: []", "another document"),
        (b"#" + b"x" * 2**20, "more than 1,048,576 bytes"),
    ],
)
def test_facts_that_are_none(data: bytes, sentence: str):
    (BO / "facts.yaml").write_bytes(data)
    assert sentence in refusal()[0]


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbffacts: [{question: 'Good?', answer: yes}]",
        b"facts:\r\n  - question: Good?\r\n    answer: yes\r\ncaptions:\r\n",
        b"facts: [&a {question: Bad?, answer: yes}, {<<: *a, question: Good?}]",
    ],
)
def test_facts_as_editors_save_them(data: bytes):
    (BO / "facts.yaml").write_bytes(data)
    accepted()
    told = facts.read(BO / "facts.yaml", "bo").facts[-1]
    assert (told.question, told.answer) == ("Good?", "yes")


def test_nothing_in_a_section_is_an_empty_one():
    (BO / "facts.yaml").write_bytes(b"facts:\ncaptions:\n")
    accepted()
    assert facts.read(BO / "facts.yaml", "bo") == facts.Facts()
