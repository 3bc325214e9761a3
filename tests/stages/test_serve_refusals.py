"""What the server refuses: questions, photos, requests and callers."""

from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from PIL import Image

from commands.serve import command
from common.assistant import Assistant
from common.core.errors import UserError
from tests.support.helpers import save_photo
from tests.support.served import QUESTION, TOKEN, Running, data_url, expected, picture, running, words


def body(**changes: Any) -> dict[str, Any]:
    return {"model": "bo", "messages": [{"role": "user", "content": QUESTION}]} | changes


def user(*content: Any) -> dict[str, Any]:
    return body(messages=[{"role": "user", "content": list(content)}])


MISTAKES = [
    (body(model="gpt-4"), 404, "gpt-4 is no subject: GET /v1/models lists"),
    (body(model="magic/bo"), 404, "magic is no method: use one of soft_prompt,"),
    (body(model="rex"), 404, "run `dvc repro train@rex`"),
    (body(model="lora/bo"), 404, "run `dvc repro fit_baseline@lora`"),
    (body(model="bo+rex"), 404, "run `dvc repro train@rex`"),
    (user(words("Is <rex> here?")), 400, "run `dvc repro train@rex`"),
    (user(words("Is <Bo> here?")), 400, "<Bo> is unknown, for this is about"),
    (user(words("Is <bo> </s>?")), 400, "contains </s>, which means something else"),
    (user(words("Why? " * 600)), 400, "ask something shorter"),
    (body(max_tokens=5000), 400, "ask something shorter"),
    (body(max_tokens=5000, stream=True), 400, "ask something shorter"),
    (user(words("a\x00b")), 400, "is not plain UTF-8 text"),
    (user(words(" ")), 400, "asks nothing: write a question"),
    (user(words("Is <bo> in this photo?")), 400, "asks what a photo shows, and there is none: send one"),
    (user(words("a"), picture("photo.png")), 400, "started without --photos"),
    (user(words("a"), picture("http://example.org/a.png")), 400, "fetches no addresses"),
    (user(words("a"), picture("data:image/png;base64,!!!")), 400, "no base64"),
    (user(words("a"), picture("data:image/png,aaaa")), 400, "must begin like data:image/jpeg;base64,"),
    (user(words("a"), picture("data:image/png;base64,JVBERi0xLjQ=")), 400, "photo 1 is a PDF document"),
    (user(words("a"), picture("a.png"), picture("b.png")), 400, "a message may hold one photo"),
    (body(messages=[]), 400, "must alternate user and assistant"),
    (body(messages=[{"role": "system", "content": "Be brief."}]), 400, "leave out messages of the role"),
    (body(messages=[{"role": "tool", "content": "a"}]), 400, "messages.0.role"),
    (body(temperature=3), 400, "temperature: Input should be less than or equal to 2"),
    (body(temperature=1, model="lora/mam"), 400, "answers greedily: leave temperature out"),
    (body(n=2), 400, "n: Input should be 1"),
    (body(tools=[]), 400, "tools: Extra inputs are not permitted"),
    (body(stream_options={"include_usage": True}), 400, "include_usage"),
]  # fmt: skip


def test_what_cannot_be_answered_is_one_sentence(server: Running) -> None:
    for sent, status, sentence in MISTAKES:
        reply = httpx.post(f"{server.url}/v1/chat/completions", json=sent)
        error = reply.json()["error"]
        assert reply.status_code == status and sentence in error["message"], error
        assert {*error} == {"message", "type", "param", "code"} and "\n" not in error["message"]
    assert server.ask("bo", QUESTION, max_tokens=1).choices  # it goes on


def test_a_hundred_megapixels_are_refused_before_they_are_decoded(server: Running, tmp_path: Path) -> None:
    Image.new("1", (10_000, 10_000)).save(tmp_path / "large.png")
    with pytest.raises(openai.BadRequestError, match="more than the 80,000,000 allowed: scale it down"):
        server.ask("bo", picture(data_url(tmp_path / "large.png")), words(QUESTION))


def test_a_family_that_sees_one_photo_is_shown_one(assistant: Assistant) -> None:
    photo, other = (data_url(save_photo(Path(f"{i}.png"), i)) for i in (20, 200))
    assistant.base.model.config.model_type = "llava_next"
    try:
        with running(assistant) as server:
            messages = [
                {"role": "user", "content": [picture(photo), words("Is it?")]},
                {"role": "assistant", "content": "Yes"},
                {"role": "user", "content": [picture(other), words("And this?")]},
            ]
            with pytest.raises(openai.BadRequestError, match="sees one photo in a conversation"):
                server.client.chat.completions.create(model="bo", messages=messages)
            messages[2]["content"][0] = picture(photo)  # as clients send that keep what they have sent
            assert server.client.chat.completions.create(model="bo", messages=messages).choices
    finally:
        assistant.base.model.config.model_type = "llava"


def test_photos_of_its_folder_alone(assistant: Assistant) -> None:
    inside, outside = save_photo(Path("photos/a b.png"), 200), save_photo(Path("secret.png"), 20)
    Path("photos/link.png").symlink_to(outside.resolve())
    with running(assistant, photos=Path("photos")) as server:
        text = expected(assistant, QUESTION, inside, subjects=["bo"]).text
        for name in (
            "a b.png",
            str(inside.resolve()),
            f"file://{inside.resolve().as_posix()}".replace(" ", "%20"),
        ):
            assert server.ask("bo", picture(name), words(QUESTION)).choices[0].message.content == text
        for name in ("../secret.png", str(outside.resolve()), "link.png", "absent.png", "", ".", "a\x00"):
            with pytest.raises(openai.BadRequestError, match="no file of the server's folder") as refusal:
                server.ask("bo", picture(name), words(QUESTION))
            assert str(Path.cwd()) not in refusal.value.message.replace(name, "")


def test_what_is_no_request(server: Running) -> None:
    url = f"{server.url}/v1/chat/completions"
    as_json = {"Content-Type": "application/json"}
    for data, headers, status, sentence in (
        (b"no JSON", as_json, 400, "Invalid JSON"),
        (b"[" * 100_000, as_json, 400, "too deeply nested"),
        (b"{}", {"Content-Type": "text/plain"}, 415, "send application/json"),  # as a page in a browser may
        (b"{}", as_json | {"Host": "evil.example"}, 403, "answers to localhost"),
        (b"{}", as_json | {"Host": "localhost.evil.example:80"}, 403, "answers to localhost"),
    ):
        reply = httpx.post(url, content=data, headers=headers)
        assert reply.status_code == status and sentence in reply.json()["error"]["message"]
        assert "access-control-allow-origin" not in reply.headers
    for host in ("localhost:1", "[::1]:8000", "127.0.0.1"):
        assert httpx.get(f"{server.url}/v1/models", headers={"Host": host}).status_code == 200
    for path, status in (("/", 404), ("/docs", 404), ("/v1/chat/completions", 405), ("/v1/models/cat", 404)):
        reply = httpx.get(server.url + path)
        assert reply.status_code == status and reply.json()["error"]["message"]


def test_too_many_bytes_are_not_read(assistant: Assistant) -> None:
    with running(assistant, request_mb=0.1) as server:
        with pytest.raises(openai.APIStatusError, match=r"more than 0.1 MB") as refusal:
            server.ask("bo", "a" * 200_000)
        assert refusal.value.status_code == 413
        chunks = (
            b'{"a": "' if i == 0 else b"a" * 1000 for i in range(10**6)
        )  # a gigabyte that is never sent
        reply = httpx.post(
            f"{server.url}/v1/chat/completions", content=chunks, headers={"Content-Type": "application/json"}
        )
        assert reply.status_code == 413


def test_others_need_the_token(assistant: Assistant, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(assistant, hosts=command.hosts("0.0.0.0"), token=TOKEN) as server:
        assert server.ask("bo", QUESTION).choices  # whose client sends it
        for key in ("Bearer wrong", TOKEN, "Bearer", f"Bearer {TOKEN}x", "Bearer \u00e9"):
            reply = httpx.get(f"{server.url}/v1/models", headers=[(b"Authorization", key.encode("latin-1"))])
            assert reply.status_code == 401 and reply.json()["error"]["code"] == "invalid_api_key"
        assert httpx.get(f"{server.url}/v1/models").status_code == 401
    assert command.hosts("192.0.2.1") is None and command.hosts("::1") == command.LOOPBACK
    assert command.token("127.0.0.1") is None
    with pytest.raises(UserError, match="must hold a token, for others can reach"):
        command.token("0.0.0.0")
    monkeypatch.setenv(command.TOKEN, "short")
    for host in ("0.0.0.0", "localhost"):
        with pytest.raises(UserError, match="16 or more letters"):
            command.token(host)
    monkeypatch.setenv(command.TOKEN, TOKEN)
    assert command.token("localhost") == command.token("0.0.0.0") == TOKEN
