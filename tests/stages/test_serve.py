"""The server as its clients see it: OpenAI's own, our `endpoint` method, and those that mean no good."""

import base64
import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import openai
import psutil
import pytest
from PIL import Image

from commands.serve import app, command
from commands.serve.__main__ import main
from commands.serve.protocol import RefusedError, Said
from commands.serve.question import Question
from commands.serve.scheduler import Job, Scheduler
from common import methods, vlm
from common.assistant import BASE, Assistant, Conversation
from common.core import params, paths
from common.core.errors import UserError
from common.core.images import load_image
from common.methods.interface import Backbones, MethodSubject, Request, Task
from tests.support.helpers import ROOT, save_photo, set_params
from tests.support.methods_helpers import learnable
from tests.support.vlm_helpers import save_soft_prompts

LONGEST = 20  # tokens, of a random model that seldom ends
TOKEN = "a-token-that-nobody-guesses"
QUESTION = "What is <bo>?"


@dataclass
class Running:
    """A server of the tests."""

    assistant: Assistant
    service: app.Service
    url: str

    @cached_property
    def client(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=TOKEN, max_retries=0)

    def ask(self, model: str, *content: Any, **more: Any) -> Any:
        messages = [{"role": "user", "content": list(content) if content[1:] else content[0]}]
        return self.client.chat.completions.create(model=model, messages=messages, **more)


@pytest.fixture(scope="module")
def assistant(tmp_path_factory: pytest.TempPathFactory, tiny_llava: Path) -> Iterator[Assistant]:
    """Of a tiny model with the subjects bo and mam, both also known by a reference photo; in their folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("served"))
        shutil.copy(ROOT / "params.yaml", ".")
        yield taught(tiny_llava)


def taught(tiny_llava: Path) -> Assistant:
    set_params(
        {
            "base.vlm.model": str(tiny_llava),
            "chat.max_new_tokens": LONGEST,
            "chat.history": 4,
            "subjects": {name: {"kind": "pet", "source": "world"} for name in ("bo", "mam", "rex")},
        }
    )
    found = Assistant.of(params.load())
    save_soft_prompts(found.base, "bo", "mam")
    for subject in ("bo", "mam"):
        learnable(subject, human="a brown dog")
    found.method("reference_photo").fit([MethodSubject(subject, "pet") for subject in ("bo", "mam")])
    (paths.fitted("lora") / "mam").mkdir(parents=True)  # which is never asked
    return found


@contextmanager
def running(
    assistant: Assistant,
    *,
    hosts: Any = command.LOOPBACK,
    token: str | None = None,
    photos: Any = None,
    **limits: Any,
) -> Iterator[Running]:
    usual = params.load().serve.model_dump() | {"batch_size": 8} | limits
    service = app.Service(assistant, app.Limits(**usual), photos)
    server = service.server(hosts, token)
    with command.listening("127.0.0.1", 0) as place:
        url = f"http://127.0.0.1:{place.getsockname()[1]}"
        thread = threading.Thread(target=server.run, kwargs={"sockets": [place]})
        thread.start()
        try:
            yield Running(assistant, service, url)
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def server(assistant: Assistant) -> Iterator[Running]:
    with running(assistant) as found:
        yield found


def data_url(path: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"


def picture(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def words(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def expected(assistant: Assistant, question: str, photo: Path | None = None, **who: Any) -> vlm.Answer:
    talk = Conversation(assistant, image=load_image(photo) if photo else None, **who)
    *_, answer = talk.ask(question)
    return answer


def test_one_question_whole_and_as_a_stream(server: Running) -> None:
    photo = save_photo(Path("photo.png"), 200)
    for shown, content in ((None, [QUESTION]), (photo, [picture(data_url(photo)), words(QUESTION)])):
        answer = expected(server.assistant, QUESTION, shown, subjects=["bo"])
        reply = server.ask("bo", *content)
        assert reply.choices[0].message.content == answer.text
        assert reply.choices[0].finish_reason == ("length" if answer.cut_off else "stop")
        assert reply.system_fingerprint == server.assistant.base.fingerprint
        chunks = [chunk.choices[0] for chunk in server.ask("bo", *content, stream=True)]
        assert "".join(chunk.delta.content or "" for chunk in chunks) == answer.text
        assert chunks[0].delta.role == "assistant" and len(chunks) > 3
        assert [chunk.finish_reason for chunk in chunks if chunk.finish_reason] == [
            reply.choices[0].finish_reason
        ]


def test_probabilities_of_yes_and_no(server: Running) -> None:
    yes, no = expected(server.assistant, QUESTION, subjects=["bo"]).probabilities
    reply = server.ask("bo", QUESTION, logprobs=True, top_logprobs=5, max_tokens=1)
    (place,) = reply.choices[0].logprobs.content
    told = {top.token: 2.718281828459045**top.logprob for top in place.top_logprobs}
    assert told == pytest.approx({"Yes": yes, "No": no}) and place.token == ("Yes" if yes > no else "No")
    chunk = next(iter(server.ask("bo", QUESTION, logprobs=True, top_logprobs=1, stream=True)))
    assert [top.token for top in chunk.choices[0].logprobs.content[0].top_logprobs] == [place.token]
    assert server.ask("bo", QUESTION).choices[0].logprobs is None


def test_earlier_turns_are_in_view(server: Running) -> None:
    photo, other = save_photo(Path("photo.png"), 200), save_photo(Path("other.png"), 20)
    turns = [(QUESTION, photo, "<bo> is red."), ("Is it?", None, "Yes"), ("And now, <mam>?", other, "")]
    talk = Conversation(server.assistant, ["bo"])
    messages: list[dict[str, Any]] = []
    for question, shown, answer in turns:
        if shown:
            talk.look_at(load_image(shown))
        content = [words(question), picture(data_url(shown))] if shown else question
        messages.append({"role": "user", "content": content})
        if answer:
            talk.tell(question, answer)
            messages.append({"role": "assistant", "content": answer, "refusal": None, "tool_calls": None})
    *_, whole = talk.ask(turns[-1][0])
    replies = [
        server.client.chat.completions.create(model="bo", messages=sent, stream=False)
        for sent in (messages, messages[-1:])
    ]
    assert [reply.choices[0].message.content == whole.text for reply in replies] == [True, False]


def test_drawn_answers_depend_on_their_seed_alone(server: Running) -> None:
    drawn = [
        server.ask("bo", QUESTION, temperature=1.5, seed=seed).choices[0].message.content
        for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    *_, answer = Conversation(server.assistant, ["bo"]).ask(QUESTION, vlm.Decoding(LONGEST, 1.5, 1.0, 1))
    assert drawn[0] == answer.text


def test_an_answer_ends_before_a_stop(server: Running) -> None:
    text = expected(server.assistant, QUESTION, subjects=["bo"]).text
    stop = text[5:8]
    for more in ({}, {"temperature": 0.0001}):  # answered together, and token by token
        reply = server.ask("bo", QUESTION, stop=[stop, "zzz"], **more).choices[0]
        assert reply.message.content == text[: text.find(stop)] and reply.finish_reason == "stop"
    chunks = [
        chunk.choices[0].delta.content or "" for chunk in server.ask("bo", QUESTION, stop=stop, stream=True)
    ]
    assert "".join(chunks) == text[: text.find(stop)]


def test_models_are_base_subjects_and_methods(server: Running) -> None:
    assert [model.id for model in server.client.models.list()] == [
        *("base", "bo", "mam", "bo+mam", "lora/mam", "reference_photo/bo", "reference_photo/mam")
    ]
    assert server.client.models.retrieve("reference_photo/mam+bo").id == "reference_photo/mam+bo"
    photo = save_photo(Path("photo.png"), 60)
    for model, method, subjects in (
        ("base", BASE, []),
        ("bo+mam", paths.SOFT_PROMPT, ["bo", "mam"]),
        ("reference_photo/bo", "reference_photo", ["bo"]),
    ):
        answer = expected(server.assistant, "Is it <bo>?", photo, subjects=subjects, method=method)
        content = (picture(data_url(photo)), words("Is it <bo>?"))
        assert server.ask(model, *content).choices[0].message.content == answer.text
        streamed = server.ask(model, *content, stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in streamed) == answer.text


def test_our_own_endpoint_method_asks_it(server: Running) -> None:
    settings = {
        "method": "endpoint", "title": "A server", "description": "human", "references": 0,
        "url": f"{server.url}/v1", "model": "bo", "key_variable": None, "image_size": 64, "logprobs": 20,
        "timeout_s": 60.0, "retries": 0, "backoff_s": 0.1, "concurrency": 4,
    }  # fmt: skip
    method = methods.prepare("gpt", {"gpt": settings}, Backbones(None, None, 0, 8))
    method.fit([MethodSubject("bo", "pet")])
    photo = save_photo(Path("photo.png"), 200, (400, 300))
    asked = [
        Request(Task("recognition", 4), "gpt", ("bo",), "photo", f"Is it <bo> or {i}?") for i in range(8)
    ]
    answers = method.answers({"photo": photo}, asked)
    assert len({answer.probabilities for answer in answers}) == 8
    assert all(sum(answer.probabilities) == pytest.approx(1) and answer.text for answer in answers)


def test_four_clients_at_once_are_not_mixed_up(server: Running) -> None:
    photos = [save_photo(Path(f"{i}.png"), 60 * i) for i in range(4)]
    asked = []
    for number, model in enumerate(["bo", "mam", "bo+mam", "base", "reference_photo/mam"] * 6):
        shown = photos[number % 4] if number % 3 else None
        asked.append((model, f"Is <bo> or <mam> number {number}?", shown, number % 5 == 0))
    assert len({stream for *_, stream in asked}) == 2

    def ask(model: str, question: str, shown: Path | None, stream: bool) -> str:
        content = [picture(data_url(shown)), words(question)] if shown else [question]
        reply = server.ask(model, *content, stream=stream)
        if not stream:
            return reply.choices[0].message.content
        return "".join(chunk.choices[0].delta.content or "" for chunk in reply)

    with ThreadPoolExecutor(4) as clients:
        found = list(clients.map(ask, *zip(*asked, strict=True)))
    for answer, (model, question, shown, _) in zip(found, asked, strict=True):
        method, _, names = model.rpartition("/")
        who = {"subjects": [], "method": BASE} if names == BASE else {
            "subjects": names.split("+"), "method": method or paths.SOFT_PROMPT
        }  # fmt: skip
        assert answer == expected(server.assistant, question, shown, **who).text
    assert len({*found}) > 20


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


@contextmanager
def unfinished(server: Running) -> Iterator[socket.socket]:
    """A request whose body never ends."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as peer:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        peer.sendall(f"{head}Content-Length: 999\r\n\r\n{{".encode())
        yield peer


def test_only_so_many_at_once(assistant: Assistant) -> None:
    with running(assistant, requests=1) as server:
        with unfinished(server):
            while not (reply := httpx.get(f"{server.url}/v1/models")).is_error:
                time.sleep(0.01)  # until it has come
            assert reply.status_code == 429 and reply.headers["retry-after"] == "1"
            assert "ask again soon" in reply.json()["error"]["message"]
        while httpx.get(f"{server.url}/v1/models").is_error:
            time.sleep(0.01)  # until its leaving is noticed
        assert server.ask("bo", QUESTION).choices


def test_no_request_takes_longer_than_its_time(assistant: Assistant) -> None:
    with running(assistant, timeout_s=0.5) as server:
        with unfinished(server) as peer:
            reply = peer.recv(10_000)
            while more := peer.recv(10_000):  # head and body may come apart
                reply += more
        assert reply.startswith(b"HTTP/1.1 504") and b"took too long" in reply
    with (
        running(assistant, timeout_s=1e-6) as server,
        pytest.raises(openai.APIStatusError, match="took too long"),
    ):
        server.ask("bo", QUESTION)


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


def question(**changes: Any) -> Question:
    usual = {"method": paths.SOFT_PROMPT, "subjects": ("bo",), "turns": (), "text": QUESTION, "photo": None}
    return Question(**usual | {"decoding": vlm.Decoding(LONGEST), "stop": (), "stream": False} | changes)


def test_who_leaves_ends_the_answer(assistant: Assistant) -> None:
    scheduler, said = Scheduler(assistant, 4, 8), []
    leaving = Job(question(stream=True), lambda part: (said.append(part), leaving.left.set()))
    gone = Job(question(), said.append)
    gone.left.set()
    done, told = threading.Event(), []
    staying = Job(question(stream=True), lambda part: (told.append(part), part.finish and done.set()))
    for job in (leaving, gone, staying):
        scheduler.submit(job)
    assert done.wait(60)
    scheduler.close()
    assert len(said) == 1 and said[0].finish is None and len(told) > 5
    assert scheduler.answered == 1


def test_a_client_that_leaves_a_stream_makes_room(assistant: Assistant) -> None:
    with running(assistant, requests=1) as server:
        stream = server.ask("bo", QUESTION, stream=True, max_tokens=400, temperature=2, seed=1)
        next(iter(stream))
        stream.close()
        while httpx.get(f"{server.url}/v1/models").is_error:
            time.sleep(0.01)
        assert server.ask("bo", QUESTION).choices


def test_a_bad_question_costs_no_other_its_answer(assistant: Assistant) -> None:
    found: dict[str, Said | Exception] = {}
    texts = [QUESTION, "Is <bo> </s>?", "Where is <bo>?", "Why? " * 600]
    with assistant.lock:  # so that they wait for each other
        scheduler = Scheduler(assistant, 4, 8)
        for text in texts:
            scheduler.submit(Job(question(text=text), lambda said, text=text: found.update({text: said})))
    while len(found) < 4:
        time.sleep(0.01)
    scheduler.close()
    good = [expected(assistant, text, subjects=["bo"]).text for text in texts[::2]]
    assert [found[text].text for text in texts[::2]] == good
    assert all(isinstance(found[text], UserError) for text in texts[1::2])


def test_what_waits_when_it_stops_is_told_so(assistant: Assistant) -> None:
    scheduler, said = Scheduler(assistant, 1, 8), []
    started = threading.Event()
    first = Job(question(stream=True), lambda part: started.set())
    scheduler.submit(first)
    assert started.wait(60)
    for _ in range(3):
        scheduler.submit(Job(question(stream=True), said.append))
    scheduler.close()
    assert all(isinstance(part, RefusedError) and part.status == 503 for part in said[-2:])


def test_memory_stays_flat(server: Running) -> None:
    photo = data_url(save_photo(Path("photo.png"), 200))
    process, used = psutil.Process(), []
    for number in range(240):
        content = [picture(photo), words(QUESTION)] if number % 2 else [QUESTION]
        list(server.ask("bo", *content, max_tokens=2, stream=number % 4 > 1))
        used.append(process.memory_info().rss)
    assert max(used[160:]) - max(used[:80]) < 8 * 2**20  # a request holds more than 100 kB


def test_mistakes_of_the_command_line(assistant: Assistant) -> None:
    with command.listening("127.0.0.1", 0) as place:
        port = str(place.getsockname()[1])
        for words_, sentence in (
            (
                ("--port", port),
                rf"port {port} \(Address already in use\): stop what uses it, or choose another",
            ),
            (("--port", "70000"), "--port 70000 is no port: use one up to 65535"),
            (("--host", "0.0.0.0"), f"{command.TOKEN} must hold a token"),
            (("--photos", "absent"), "--photos absent is no folder"),
        ):
            with pytest.raises(UserError, match=sentence):
                main(*words_)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_well(assistant: Assistant, number: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "commands.serve", "--port", "0"],
        env={"PYTHONPATH": str(ROOT), "PATH": "", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    url = process.stdout.readline().split()[2].removesuffix(";")
    client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
    stream = client.chat.completions.create(
        model="bo", messages=[{"role": "user", "content": QUESTION}], stream=True
    )
    first = next(iter(stream))
    process.send_signal(number)
    rest = list(stream)  # what was begun is brought to its end
    text = "".join(chunk.choices[0].delta.content or "" for chunk in (first, *rest))
    assert text == expected(assistant, QUESTION, subjects=["bo"]).text
    assert process.wait(60) == 0 and json.loads(first.model_dump_json())["model"] == "bo"
    assert process.stderr.read().startswith("serve: 1 requests answered in ")
