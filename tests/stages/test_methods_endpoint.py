"""The client of OpenAI-compatible servers against one on loopback: what it sends, and every failure."""

import base64
import io
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from common.core import paths
from common.core.errors import UserError
from common.methods.interface import MethodSubject
from tests.support.chat_server import Server, ask, completion, endpoint, failure, kept
from tests.support.methods_helpers import PHOTOS


def test_references_come_before_the_photo_and_the_question(
    chat_server: Server, subject: MethodSubject
) -> None:
    photo = Path("photo.png")
    Image.new("RGB", (200, 100), (255, 0, 0)).save(photo)
    method = endpoint(chat_server, description="human")
    method.fit([subject])
    ask(method, ["Is it <bo>?"], photo)
    (body,) = chat_server.requests
    assert (
        chat_server.headers[0]["path"] == "/v1/chat/completions"
        and "Authorization" not in chat_server.headers[0]
    )
    assert {name: body[name] for name in body if name != "messages"} == {
        "model": "some-model", "temperature": 0, "max_tokens": 8, "logprobs": True, "top_logprobs": 20
    }  # fmt: skip
    (message,) = body["messages"]
    kinds = [part["type"] for part in message["content"]]
    assert kinds == ["text", *["text", "image_url"] * 2, "text", "image_url", "text"]
    assert (
        message["content"][0]["text"] == "<bo> is a brown dog."
        and message["content"][-1]["text"] == "Is it <bo>?"
    )
    head, _, data = message["content"][-2]["image_url"]["url"].partition(",")
    assert head == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as sent:
        assert sent.size == (64, 32) and sent.getpixel((9, 9))[0] > 240
    assert method.cost("gpt", "bo").trainable == 0


def test_its_own_description_is_asked_with_all_photos_and_stands_before_the_questions(
    chat_server: Server, subject: MethodSubject
) -> None:
    said = ["<bo> is a dog with one white ear.", "Yes", "Yes"]
    chat_server.answer = lambda number, body: completion(said[number])
    method = endpoint(chat_server, description="own", description_tokens=77, references=0)
    method.fit([subject])
    (body,) = chat_server.requests
    content = body["messages"][0]["content"]
    assert [part["type"] for part in content] == [*["text", "image_url"] * PHOTOS, "text"]
    assert body["max_tokens"] == 77 and "Describe <bo>" in content[-1]["text"]
    ask(method, ["Is it <bo>?", "Is it really <bo>?"])
    for asked in chat_server.requests[1:]:
        assert asked["messages"][0]["content"][0]["text"] == said[0]
    method.fit([subject])
    assert len(chat_server.requests) == 3 and len(kept()) == 3  # a description is kept as answers are


@pytest.mark.parametrize(("text", "expected"), [("A dog.", "<bo>: A dog."), ("", None)])
def test_its_own_description_names_the_subject_or_is_refused(
    chat_server: Server, subject: MethodSubject, text: str, expected: str | None
) -> None:
    chat_server.answer = lambda number, body: completion(text)
    method = endpoint(chat_server, description="own")
    if expected is None:
        with pytest.raises(UserError, match=r"wrote no description of bo: set methods\.gpt\.description"):
            method.fit([subject])
        return
    method.fit([subject])
    ask(method, ["Is it <bo>?"])
    assert chat_server.requests[1]["messages"][0]["content"][0]["text"] == expected


def test_probabilities_are_those_of_the_options(chat_server: Server, subject: MethodSubject) -> None:
    first = {"Yes": -1.0, " yes": -2.0, "No": -1.5, "Maybe": -0.1}
    chat_server.answer = lambda number, body: completion("Yes", first)
    method = endpoint(chat_server)
    method.fit([subject])
    (answer,) = ask(method, ["?"])
    assert answer.text == "Yes" and answer.probabilities == pytest.approx((0.6928, 0.3072), abs=1e-4)
    chat_server.answer = lambda number, body: completion("Hm", {"Hm": 0.0})
    assert ask(method, ["??"])[0].probabilities == (0.5, 0.5)
    chat_server.answer = lambda number, body: completion("Yes")
    assert ask(method, ["???"])[0].probabilities == ()
    assert "logprobs" not in endpoint(chat_server, logprobs=None)._body([], 1)


def test_a_rerun_asks_nothing_and_keeps_no_photo_and_no_key(
    chat_server: Server, subject: MethodSubject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVER_KEY", "secret-key")
    method = endpoint(chat_server, key_variable="SERVER_KEY")
    method.fit([subject])
    chat_server.answer = lambda number, body: completion(body["messages"][0]["content"][-1]["text"])
    found = ask(method, ["one", "two", "one"])
    assert [answer.text for answer in found] == ["one", "two", "one"] and len(chat_server.requests) == 2
    assert {headers["Authorization"] for headers in chat_server.headers} == {"Bearer secret-key"}
    monkeypatch.delenv("SERVER_KEY")
    chat_server.close()
    assert ask(method, ["one", "two", "one"]) == found  # neither the server nor the key is needed
    for path in [*kept(), *paths.fitted("gpt").rglob("*.json")]:
        assert "secret" not in path.read_text() and "base64" not in path.read_text()
    with pytest.raises(UserError, match=r"SERVER_KEY is not set.*methods.gpt.key_variable"):
        ask(method, ["three"])


def test_a_models_refusal_is_an_answer(chat_server: Server, subject: MethodSubject) -> None:
    said = [completion("I cannot identify people."), completion(None, refusal="No."), completion(None)]
    chat_server.answer = lambda number, body: said[number]
    method = endpoint(chat_server, concurrency=1)
    method.fit([subject])
    texts = [answer.text for answer in ask(method, ["1", "2", "3"])]
    assert texts == ["I cannot identify people.", "No.", ""]


def test_only_so_many_run_at_once_and_what_was_answered_is_kept(
    chat_server: Server, subject: MethodSubject
) -> None:
    def answer(number: int, body: dict[str, Any]) -> tuple:
        time.sleep(0.05)
        return failure(403) if number == 9 else completion("Yes")

    chat_server.answer = answer
    method = endpoint(chat_server, concurrency=3)
    method.fit([subject])
    questions = [f"{number}?" for number in range(20)]
    with pytest.raises(UserError, match="refused"):
        ask(method, questions)
    assert chat_server.most == 3
    before, done = len(chat_server.requests), len(kept())
    assert done >= 7
    assert len(ask(method, questions)) == 20 and len(chat_server.requests) - before == 20 - done


def test_settings_are_checked(chat_server: Server) -> None:
    with pytest.raises(UserError, match=r"needs a description or references"):
        endpoint(chat_server, references=0)
    with pytest.raises(UserError, match=r"methods.gpt.url is 'localhost'"):
        endpoint(chat_server, url="localhost")
