"""A chat server on loopback that answers as a test likes, and the method that asks it."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from common import methods
from common.methods.endpoint import cache
from common.methods.interface import Backbones, Request, Task

SECTION = {  # of params.yaml
    "method": "endpoint",
    "title": "A server",
    "description": None,
    "references": 2,
    "url": "http://127.0.0.1:8000/v1",
    "model": "some-model",
    "key_variable": None,
    "image_size": 64,
    "logprobs": 20,
    "timeout_s": 5.0,
    "retries": 2,
    "backoff_s": 0.01,
    "concurrency": 4,
}
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


def endpoint(server: Server, **changes: Any) -> methods.Method:
    section = SECTION | {"url": server.url} | changes
    return methods.prepare("gpt", {"gpt": section}, Backbones(None, None, 0, 8))


def ask(method: methods.Method, questions: list[str], photo: Path | None = None) -> list:
    requests = [
        Request(RECOGNITION, "gpt", ("bo",), None if photo is None else "photo", text) for text in questions
    ]
    return method.answers({"photo": photo} if photo else {}, requests)


def kept() -> list[Path]:
    return sorted(cache.FOLDER.glob("*/*.json"))
