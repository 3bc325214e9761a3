"""The server as its clients see it: OpenAI's own, our `endpoint` method, and those that mean no good."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from common import methods, vlm
from common.assistant import BASE, Conversation
from common.core import paths
from common.core.images import load_image
from common.methods.interface import Backbones, MethodSubject, Request, Task
from tests.support.chat_server import SECTION
from tests.support.helpers import save_photo
from tests.support.served import (
    LONGEST,
    QUESTION,
    Running,
    data_url,
    expected,
    picture,
    words,
)


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
    assert told == pytest.approx({"Yes": yes, "No": no}, abs=1e-5) and place.token == (
        "Yes" if yes > no else "No"
    )
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
    changes = {"description": "human", "references": 0, "model": "bo", "timeout_s": 60.0, "retries": 0}
    section = SECTION | {"url": f"{server.url}/v1"} | changes
    method = methods.prepare("gpt", {"gpt": section}, Backbones(None, None, 0, 8))
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


def test_memory_stays_flat(server: Running) -> None:
    photo = data_url(save_photo(Path("photo.png"), 200))
    process, used = psutil.Process(), []
    for number in range(240):
        content = [picture(photo), words(QUESTION)] if number % 2 else [QUESTION]
        list(server.ask("bo", *content, max_tokens=2, stream=number % 4 > 1))
        used.append(process.memory_info().rss)
    assert max(used[160:]) - max(used[:80]) < 8 * 2**20  # a request holds more than 100 kB
