"""Files of questions with a temperature and a length of one's own: drawn as in a chat, and so again."""

from pathlib import Path

import pytest

from commands.ask.__main__ import main
from common import vlm
from common.assistant import Assistant, Conversation
from common.core.errors import UserError
from common.core.images import load_image
from tests.support.ask_helpers import expected, lines, make_assistant, write_lines
from tests.support.helpers import set_params

ASKED = [("a.png", "What is <bo>?"), ("a.png", "Where is <bo>?"), (None, "Who?"), ("b.png", "Who?")]
WORDS = ("photos/q.jsonl", "a.jsonl", "--subject", "bo")


@pytest.fixture
def assistant(workspace: Path, tiny_llava: Path) -> Assistant:
    return make_assistant(tiny_llava)


def asked(*rows: tuple[str | None, str]) -> None:
    write_lines("photos/q.jsonl", [{"image": image, "question": text} for image, text in rows])


def test_drawn_answers_are_those_of_a_chat_and_of_a_rerun(assistant: Assistant) -> None:
    set_params({"chat.temperature": 1.5, "chat.top_p": 0.9, "seed": 3})
    asked(*ASKED)
    main(*WORDS)
    rows = lines("a.jsonl")
    for row, (image, text) in zip(rows, ASKED, strict=True):
        talk = Conversation(assistant, ["bo"], image=load_image(f"photos/{image}") if image else None)
        *_, answer = talk.ask(text, vlm.Decoding(assistant.decoding.max_new_tokens, 1.5, 0.9, 3))
        assert row["answer"] == answer.text
        assert row["yes"] == pytest.approx(answer.probabilities[0], rel=1e-4)
        assert row["model"] == "soft_prompt/bo (temperature 1.5, top_p 0.9, seed 3)"
    whole = Path("a.jsonl").read_bytes()
    kept = whole.splitlines(keepends=True)[0]
    asked(*ASKED[2:], *ASKED[:2])
    Path("a.jsonl").write_bytes(kept)
    assert main(*WORDS) == "3 answered, 1 were before, 0 left out"
    again = {row["key"]: row for row in lines("a.jsonl")}
    assert again == {row["key"]: row for row in rows}  # whatever came before in the file
    with pytest.raises(UserError, match=r"holds answers of soft_prompt/bo .*, not of soft_prompt/bo: choose"):
        main(*WORDS, "--temperature", "0")
    set_params({"seed": 4})
    main("photos/q.jsonl", "other.jsonl", "--subject", "bo")
    assert [row["answer"] for row in lines("other.jsonl")] != [row["answer"] for row in rows]


def test_options_take_the_place_of_params(assistant: Assistant, capsys: pytest.CaptureFixture[str]) -> None:
    set_params({"chat.temperature": 1.5})
    asked(ASKED[0])
    main(*WORDS, "--temperature", "0")
    greedy = expected(assistant, ASKED[0][1], ASKED[0][0], subjects=["bo"])
    assert [row["answer"] for row in lines("a.jsonl")] == [greedy.text]
    main("photos/q.jsonl", "short.jsonl", "--subject", "bo", "--temperature", "0", "--max-new-tokens", "2")
    (short,) = lines("short.jsonl")
    assert len(short["answer"]) < len(greedy.text) and greedy.text.startswith(short["answer"])
    main(
        "photos/q.jsonl", "sure.jsonl", "--subject", "bo", "--top-p", "1e-6"
    )  # one word remains to draw from
    assert lines("sure.jsonl")[0]["answer"] == greedy.text
    for option, value in (
        ("temperature", "-1"),
        ("temperature", "nan"),
        ("top-p", "0"),
        ("max-new-tokens", "0"),
    ):
        with pytest.raises(SystemExit):
            main(*WORDS, f"--{option}", value)
        assert f"{value} is not" in capsys.readouterr().err
    with pytest.raises(UserError, match="myvlm answers greedily: ask with --temperature 0"):
        main("photos/q.jsonl", "other.jsonl", "--method", "myvlm")
