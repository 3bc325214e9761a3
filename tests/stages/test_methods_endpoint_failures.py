"""Every failure of a server: what is tried again, what ends in a sentence, and that no key is repeated."""

import time
from typing import Any

import pytest

from common.core.errors import UserError
from common.methods.interface import MethodSubject
from tests import hostile
from tests.support.chat_server import Server, ask, completion, endpoint, failure, kept


def test_what_may_pass_is_tried_again(chat_server: Server, subject: MethodSubject) -> None:
    passing = [failure(500), failure(429, **{"Retry-After": "0.3"}), completion("No")]
    chat_server.answer = lambda number, body: passing[number]
    method = endpoint(chat_server)
    method.fit([subject])
    started = time.monotonic()
    assert ask(method, ["?"])[0].text == "No" and len(chat_server.requests) == 3
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
    chat_server: Server, subject: MethodSubject, answer: tuple, reason: str
) -> None:
    chat_server.answer = lambda number, body: answer
    method = endpoint(chat_server)
    method.fit([subject])
    with pytest.raises(UserError, match=rf"failed 3 times, at last with: .*{reason}.*methods.gpt.url"):
        ask(method, ["?"])
    assert len(chat_server.requests) == 3 and not kept()


def test_a_slow_server_times_out_and_a_gone_one_is_named(chat_server: Server, subject: MethodSubject) -> None:
    def slow(number: int, body: dict[str, Any]) -> tuple:
        time.sleep(0.5)
        return completion("Yes")

    chat_server.answer = slow
    method = endpoint(chat_server, timeout_s=0.1, retries=1)
    method.fit([subject])
    with pytest.raises(UserError, match=r"failed 2 times, at last with: timed out"):
        ask(method, ["?"])
    gone = endpoint(chat_server, retries=0)
    chat_server.close()
    with pytest.raises(UserError, match=r"failed 1 times, at last with: connection refused"):
        ask(gone, ["?"])


@pytest.mark.parametrize(
    ("code", "remedy"),
    [(401, "check the key in SERVER_KEY"), (404, "methods.gpt.model"), (400, "logprobs: null")],
)
def test_a_refusal_for_good_ends_at_once_and_repeats_no_key(
    chat_server: Server, subject: MethodSubject, monkeypatch: pytest.MonkeyPatch, code: int, remedy: str
) -> None:
    monkeypatch.setenv("SERVER_KEY", "secret-key")
    chat_server.answer = lambda number, body: failure(code, "not with secret-key")
    method = endpoint(chat_server, key_variable="SERVER_KEY", concurrency=1)
    method.fit([subject])
    with pytest.raises(UserError, match=rf"refused \({code}: not with …\): .*{remedy}"):
        ask(method, [f"{number}?" for number in range(50)])
    assert len(chat_server.requests) == 1


def test_a_server_that_drips_costs_its_time_alone(chat_server: Server, subject: MethodSubject) -> None:
    with hostile.server() as host:
        method = endpoint(chat_server, url=f"{host}/drip-headers", timeout_s=0.5, retries=0)
        method.fit([subject])
        with pytest.raises(UserError, match="at last with: "):
            ask(method, ["?"])


@pytest.mark.parametrize("key", ["secret\nkey", "secret key", "sécret", "secret\x1b"])
def test_a_key_that_is_none_is_not_repeated(
    chat_server: Server, subject: MethodSubject, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("SERVER_KEY", key)
    method = endpoint(chat_server, key_variable="SERVER_KEY")
    method.fit([subject])
    with pytest.raises(UserError, match="SERVER_KEY holds a line break or another letter") as failure:
        ask(method, ["?"])
    assert "cret" not in str(failure.value) and not chat_server.requests
    monkeypatch.setenv("SERVER_KEY", "secret-key\n")  # as files end
    ask(method, ["?"])
    assert chat_server.headers[-1]["Authorization"] == "Bearer secret-key"


def test_what_a_server_says_moves_no_terminal_and_repeats_no_part_of_the_key(
    chat_server: Server, subject: MethodSubject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVER_KEY", "secret-" * 10)
    chat_server.answer = lambda number, body: failure(401, "\x1b[2Jno: " + "a" * 180 + "secret-" * 10)
    method = endpoint(chat_server, key_variable="SERVER_KEY")
    method.fit([subject])
    with pytest.raises(UserError, match="refused") as refusal:
        ask(method, ["?"])
    assert "\x1b" not in str(refusal.value) and "secret" not in str(refusal.value)


def test_a_password_in_the_url_is_refused_and_not_repeated(chat_server: Server) -> None:
    with pytest.raises(UserError, match=r"params\.yaml is no place for") as failure:
        endpoint(chat_server, url="http://user:secret@127.0.0.1:1/v1")
    assert "secret" not in str(failure.value)
