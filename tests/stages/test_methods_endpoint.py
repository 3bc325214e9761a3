"""The client of OpenAI-compatible servers against one on loopback: what it sends, and every failure."""

import base64
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from common import methods
from common.core import paths
from common.core.errors import UserError
from common.methods.endpoint import cache
from common.methods.interface import Backbones, MethodSubject, Request, Task
from tests import hostile
from tests.support.methods_helpers import learnable

RECOGNITION = Task("recognition", 8)
Answer = Callable[
    [int, dict[str, Any]], tuple[int, dict[str, str], bytes]
]  # of the nth request with its body


class Server:
    """Answers by `answer`, and remembers what it was sent."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.answer: Answer = lambda number, body: completion("Yes")
        self.busy = self.most = 0
        lock, server = threading.Lock(), self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    number = len(server.requests)
                    server.requests.append(body)
                    server.headers.append(dict(self.headers) | {"path": self.path})
                    server.busy += 1
                    server.most = max(server.most, server.busy)
                code, headers, data = server.answer(number, body)
                with lock:
                    server.busy -= 1
                self.send_response(code)
                for name, value in ({"Content-Length": str(len(data))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


def completion(
    text: str | None, first: dict[str, float] | None = None, **message: Any
) -> tuple[int, dict, bytes]:
    choice: dict[str, Any] = {"message": {"role": "assistant", "content": text, **message}}
    if first:
        top = [{"token": token, "logprob": value} for token, value in first.items()]
        choice["logprobs"] = {"content": [{"token": text, "logprob": 0.0, "top_logprobs": top}]}
    answer = {"choices": [choice], "usage": {"prompt_tokens": 7}}
    return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()


def failure(code: int, message: str = "", **headers: str) -> tuple[int, dict, bytes]:
    return code, headers, json.dumps({"error": {"message": message}}).encode()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def subject(workspace: Path) -> MethodSubject:
    learnable("bo", human="a brown dog")
    return MethodSubject("bo", "pet")


def endpoint(server: Server, **changes: Any) -> methods.Method:
    settings = {
        "method": "endpoint",
        "title": "A server",
        "description": None,
        "references": 2,
        "url": server.url,
        "model": "some-model",
        "key_variable": None,
        "image_size": 64,
        "logprobs": 20,
        "timeout_s": 5.0,
        "retries": 2,
        "backoff_s": 0.01,
        "concurrency": 4,
    }
    return methods.prepare("gpt", {"gpt": settings | changes}, Backbones(None, None, 0, 8))


def ask(method: methods.Method, questions: list[str], photo: Path | None = None) -> list:
    requests = [
        Request(RECOGNITION, "gpt", ("bo",), None if photo is None else "photo", text) for text in questions
    ]
    return method.answers({"photo": photo} if photo else {}, requests)


def kept() -> list[Path]:
    return sorted(cache.FOLDER.glob("*/*.json"))


def test_references_come_before_the_photo_and_the_question(server: Server, subject: MethodSubject) -> None:
    photo = Path("photo.png")
    Image.new("RGB", (200, 100), (255, 0, 0)).save(photo)
    method = endpoint(server, description="human")
    method.fit([subject])
    ask(method, ["Is it <bo>?"], photo)
    (body,) = server.requests
    assert server.headers[0]["path"] == "/v1/chat/completions" and "Authorization" not in server.headers[0]
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


def test_probabilities_are_those_of_the_options(server: Server, subject: MethodSubject) -> None:
    first = {"Yes": -1.0, " yes": -2.0, "No": -1.5, "Maybe": -0.1}
    server.answer = lambda number, body: completion("Yes", first)
    method = endpoint(server)
    method.fit([subject])
    (answer,) = ask(method, ["?"])
    assert answer.text == "Yes" and answer.probabilities == pytest.approx((0.6928, 0.3072), abs=1e-4)
    server.answer = lambda number, body: completion("Hm", {"Hm": 0.0})
    assert ask(method, ["??"])[0].probabilities == (0.5, 0.5)
    server.answer = lambda number, body: completion("Yes")
    assert ask(method, ["???"])[0].probabilities == ()
    assert "logprobs" not in endpoint(server, logprobs=None)._body([], 1)


def test_a_rerun_asks_nothing_and_keeps_no_photo_and_no_key(
    server: Server, subject: MethodSubject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVER_KEY", "secret-key")
    method = endpoint(server, key_variable="SERVER_KEY")
    method.fit([subject])
    server.answer = lambda number, body: completion(body["messages"][0]["content"][-1]["text"])
    found = ask(method, ["one", "two", "one"])
    assert [answer.text for answer in found] == ["one", "two", "one"] and len(server.requests) == 2
    assert {headers["Authorization"] for headers in server.headers} == {"Bearer secret-key"}
    monkeypatch.delenv("SERVER_KEY")
    server.close()
    assert ask(method, ["one", "two", "one"]) == found  # neither the server nor the key is needed
    for path in [*kept(), *paths.fitted("gpt").rglob("*.json")]:
        assert "secret" not in path.read_text() and "base64" not in path.read_text()
    with pytest.raises(UserError, match=r"SERVER_KEY is not set.*methods.gpt.key_variable"):
        ask(method, ["three"])


def test_what_may_pass_is_tried_again(server: Server, subject: MethodSubject) -> None:
    passing = [failure(500), failure(429, **{"Retry-After": "0.3"}), completion("No")]
    server.answer = lambda number, body: passing[number]
    method = endpoint(server)
    method.fit([subject])
    started = time.monotonic()
    assert ask(method, ["?"])[0].text == "No" and len(server.requests) == 3
    assert time.monotonic() - started > 0.3  # as long as the server asked


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (failure(503), "HTTP 503"),
        ((200, {}, b"<html>no JSON"), "no chat completion"),
        ((200, {}, b'{"choices": []}'), "no chat completion"),
        ((200, {}, b"[1]"), "no chat completion"),
        ((200, {}, b"[" * 100_000), "no chat completion"),
        (completion("Yes", {"Yes": float("nan")}), "no chat completion"),
        (completion("Yes", {"Yes": 1e300}), "no chat completion"),
        (completion("a" * 10**6), "no chat completion"),
    ],
)
def test_a_server_that_stays_broken_is_one_sentence(
    server: Server, subject: MethodSubject, answer: tuple, reason: str
) -> None:
    server.answer = lambda number, body: answer
    method = endpoint(server)
    method.fit([subject])
    with pytest.raises(UserError, match=rf"failed 3 times, at last with: .*{reason}.*methods.gpt.url"):
        ask(method, ["?"])
    assert len(server.requests) == 3 and not kept()


def test_a_slow_server_times_out_and_a_gone_one_is_named(server: Server, subject: MethodSubject) -> None:
    def slow(number: int, body: dict[str, Any]) -> tuple:
        time.sleep(0.5)
        return completion("Yes")

    server.answer = slow
    method = endpoint(server, timeout_s=0.1, retries=1)
    method.fit([subject])
    with pytest.raises(UserError, match=r"failed 2 times, at last with: timed out"):
        ask(method, ["?"])
    gone = endpoint(server, retries=0)
    server.close()
    with pytest.raises(UserError, match=r"failed 1 times, at last with: connection refused"):
        ask(gone, ["?"])


@pytest.mark.parametrize(
    ("code", "remedy"),
    [(401, "check the key in SERVER_KEY"), (404, "methods.gpt.model"), (400, "logprobs: null")],
)
def test_a_refusal_for_good_ends_at_once_and_repeats_no_key(
    server: Server, subject: MethodSubject, monkeypatch: pytest.MonkeyPatch, code: int, remedy: str
) -> None:
    monkeypatch.setenv("SERVER_KEY", "secret-key")
    server.answer = lambda number, body: failure(code, "not with secret-key")
    method = endpoint(server, key_variable="SERVER_KEY", concurrency=1)
    method.fit([subject])
    with pytest.raises(UserError, match=rf"refused \({code}: not with …\): .*{remedy}"):
        ask(method, [f"{number}?" for number in range(50)])
    assert len(server.requests) == 1


def test_a_models_refusal_is_an_answer(server: Server, subject: MethodSubject) -> None:
    said = [completion("I cannot identify people."), completion(None, refusal="No."), completion(None)]
    server.answer = lambda number, body: said[number]
    method = endpoint(server, concurrency=1)
    method.fit([subject])
    texts = [answer.text for answer in ask(method, ["1", "2", "3"])]
    assert texts == ["I cannot identify people.", "No.", ""]


def test_only_so_many_run_at_once_and_what_was_answered_is_kept(
    server: Server, subject: MethodSubject
) -> None:
    def answer(number: int, body: dict[str, Any]) -> tuple:
        time.sleep(0.05)
        return failure(403) if number == 9 else completion("Yes")

    server.answer = answer
    method = endpoint(server, concurrency=3)
    method.fit([subject])
    questions = [f"{number}?" for number in range(20)]
    with pytest.raises(UserError, match="refused"):
        ask(method, questions)
    assert server.most == 3
    before, done = len(server.requests), len(kept())
    assert done >= 7
    assert len(ask(method, questions)) == 20 and len(server.requests) - before == 20 - done


def test_a_server_that_drips_costs_its_time_alone(server: Server, subject: MethodSubject) -> None:
    with hostile.server() as host:
        method = endpoint(server, url=f"{host}/drip-headers", timeout_s=0.5, retries=0)
        method.fit([subject])
        with pytest.raises(UserError, match="at last with: "):
            ask(method, ["?"])


@pytest.mark.parametrize("key", ["secret\nkey", "secret key", "sécret", "secret\x1b"])
def test_a_key_that_is_none_is_not_repeated(
    server: Server, subject: MethodSubject, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("SERVER_KEY", key)
    method = endpoint(server, key_variable="SERVER_KEY")
    method.fit([subject])
    with pytest.raises(UserError, match="SERVER_KEY holds a line break or another letter") as failure:
        ask(method, ["?"])
    assert "cret" not in str(failure.value) and not server.requests
    monkeypatch.setenv("SERVER_KEY", "secret-key\n")  # as files end
    ask(method, ["?"])
    assert server.headers[-1]["Authorization"] == "Bearer secret-key"


def test_what_a_server_says_moves_no_terminal_and_repeats_no_part_of_the_key(
    server: Server, subject: MethodSubject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVER_KEY", "secret-" * 10)
    server.answer = lambda number, body: failure(401, "\x1b[2Jno: " + "a" * 180 + "secret-" * 10)
    method = endpoint(server, key_variable="SERVER_KEY")
    method.fit([subject])
    with pytest.raises(UserError, match="refused") as refusal:
        ask(method, ["?"])
    assert "\x1b" not in str(refusal.value) and "secret" not in str(refusal.value)


def test_a_password_in_the_url_is_refused_and_not_repeated(server: Server) -> None:
    with pytest.raises(UserError, match=r"params\.yaml is no place for") as failure:
        endpoint(server, url="http://user:secret@127.0.0.1:1/v1")
    assert "secret" not in str(failure.value)


def test_settings_are_checked(server: Server) -> None:
    with pytest.raises(UserError, match=r"needs a description or references"):
        endpoint(server, references=0)
    with pytest.raises(UserError, match=r"methods.gpt.url is 'localhost'"):
        endpoint(server, url="localhost")
