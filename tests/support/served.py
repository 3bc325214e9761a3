"""A server of the tests, its assistant, and what clients send."""

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import openai

from commands.serve import app, command
from common import vlm
from common.assistant import Assistant, Conversation
from common.core import params, paths
from common.core.images import load_image
from common.methods.interface import MethodSubject
from tests.support.helpers import set_params
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
    service = app.Service(assistant, app.ServerLimits(**usual), photos)
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
