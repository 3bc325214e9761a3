"""LLaVA-Bench (In-the-Wild): a judge on loopback, its scores read strictly, its failures counted."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.llava_wild import main, parse_scores
from common.core.errors import UserError
from tests.support.chat_server import Server, completion

SCORES = {"Blue.": "8 4\nThe second is short.", "A dog.": "10 8", "It sleeps.": "I would say 8 and 9."}


@pytest.fixture
def judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A judge of three answers in the current folder, whose replies hang on our answer."""
    monkeypatch.chdir(tmp_path)
    rows = {
        "questions": [
            {"question_id": n, "image": "001.jpg", "category": name, "text": f"Question {n}?"}
            for n, name in enumerate(("conv", "detail", "conv"))
        ],
        "context": [{"id": "001", "image": "001.jpg", "caption": "A dog on a blue rug."}],
        "answers_gpt4": [{"question_id": n, "text": f"Reference {n}."} for n in range(3)],
        "ours": [{"question_id": n, "prompt": "?", "text": text} for n, text in enumerate(SCORES)],
    }
    for name, lines in rows.items():
        Path(f"{name}.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    server = Server()
    server.answer = lambda number, body: completion(
        next(said for ours, said in SCORES.items() if f"Answer 2: {ours}\n" in prompt(body))
    )
    yield server
    server.close()


def prompt(body: dict) -> str:
    return body["messages"][0]["content"]


def test_answers_are_judged_beside_the_published_ones_and_failures_counted(judge: Server) -> None:
    words = (".", "ours.jsonl", "--url", judge.url, "--model", "a-judge")
    said = main(*words)
    assert said == "3 answers, 1 without scores: all 66.7, conv 50.0, detail 80.0"
    asked = {body["model"] for body in judge.requests}, sorted(map(prompt, judge.requests))
    assert asked[0] == {"a-judge"}
    for number, text in enumerate(asked[1]):
        assert "A dog on a blue rug." in text and f"Question {number}?" in text
        assert f"Answer 1: Reference {number}." in text
    rows = [json.loads(line) for line in Path("ours.judged.jsonl").read_text().splitlines()]
    assert [row["scores"] for row in rows] == [[8.0, 4.0], [10.0, 8.0], None]
    assert [row["review"] for row in rows] == list(SCORES.values())
    assert main(*words) == said and len(judge.requests) == 3  # what was judged is kept


def test_a_question_without_an_answer_is_named(judge: Server) -> None:
    Path("ours.jsonl").write_text('{"question_id": 0, "text": "Blue."}\n')
    with pytest.raises(UserError, match=r"ours\.jsonl has no answer to question 1: add it"):
        main(".", "ours.jsonl", "--url", judge.url, "--model", "a-judge")
    assert not judge.requests


@pytest.mark.parametrize(
    ("reply", "scores"),
    [
        ("8 9", (8.0, 9.0)),
        (" 7.5  10 \nBecause.", (7.5, 10.0)),
        ("8 9 7", None),
        ("8", None),
        ("0 5", None),
        ("5 11", None),
        ("Scores: 8 9", None),
        ("\n8 9", None),
        ("", None),
    ],
)
def test_scores_are_two_numbers_from_1_to_10_alone_in_the_first_line(
    reply: str, scores: tuple[float, float] | None
) -> None:
    assert parse_scores(reply) == scores
