"""Many clients, slow ones, and those that leave: what waits, what ends, and how the server stops."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import openai
import pytest

from commands.serve import command
from commands.serve.__main__ import main
from commands.serve.protocol import RefusedError, ServedAnswer
from commands.serve.question import ChatQuestion
from commands.serve.scheduler import ScheduledQuestion, Scheduler
from common import vlm
from common.assistant import Assistant
from common.core import paths
from common.core.errors import UserError
from tests.support.helpers import ROOT
from tests.support.served import LONGEST, QUESTION, Running, expected, running


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


def question(**changes: Any) -> ChatQuestion:
    usual = {"method": paths.SOFT_PROMPT, "subjects": ("bo",), "turns": (), "text": QUESTION, "photo": None}
    return ChatQuestion(**usual | {"decoding": vlm.Decoding(LONGEST), "stop": (), "stream": False} | changes)


def test_who_leaves_ends_the_answer(assistant: Assistant) -> None:
    scheduler, said = Scheduler(assistant, 4, 8), []
    leaving = ScheduledQuestion(question(stream=True), lambda part: (said.append(part), leaving.left.set()))
    gone = ScheduledQuestion(question(), said.append)
    gone.left.set()
    done, told = threading.Event(), []
    staying = ScheduledQuestion(
        question(stream=True), lambda part: (told.append(part), part.finish and done.set())
    )
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
    found: dict[str, ServedAnswer | Exception] = {}
    texts = [QUESTION, "Is <bo> </s>?", "Where is <bo>?", "Why? " * 600]
    with assistant.lock:  # so that they wait for each other
        scheduler = Scheduler(assistant, 4, 8)
        for text in texts:
            scheduler.submit(
                ScheduledQuestion(question(text=text), lambda said, text=text: found.update({text: said}))
            )
    while len(found) < 4:
        time.sleep(0.01)
    scheduler.close()
    good = [expected(assistant, text, subjects=["bo"]).text for text in texts[::2]]
    assert [found[text].text for text in texts[::2]] == good
    assert all(isinstance(found[text], UserError) for text in texts[1::2])


def test_what_waits_when_it_stops_is_told_so(assistant: Assistant) -> None:
    scheduler, said = Scheduler(assistant, 1, 8), []
    started = threading.Event()
    first = ScheduledQuestion(question(stream=True), lambda part: started.set())
    scheduler.submit(first)
    assert started.wait(60)
    for _ in range(3):
        scheduler.submit(ScheduledQuestion(question(stream=True), said.append))
    scheduler.close()
    assert all(isinstance(part, RefusedError) and part.status == 503 for part in said[-2:])


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
