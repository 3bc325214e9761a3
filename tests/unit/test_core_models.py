"""A model that cannot be had is one sentence with the command to run, whatever the hub answers."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import huggingface_hub
import pytest
import transformers

from common import vlm
from common.clip import Clip
from common.core.errors import UserError
from common.core.models import problem

COMMIT = "0" * 40
ANSWERS = {  # the hub's, by the name that is asked for
    "gated": (403, "GatedRepo"),
    "absent": (404, "RepoNotFound"),
    "moved": (404, "RevisionNotFound"),
    "broken": (400, ""),
}


class Hub(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        code, error = next(answer for name, answer in ANSWERS.items() if f"owner/{name}/" in f"{self.path}/")
        self.send_response(code)
        self.send_header("X-Error-Code", error)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD  # noqa: N815

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A hub on loopback, and no cache."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    constants = huggingface_hub.constants
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", f"{address}/{{repo_id}}/{{revision}}/{{filename}}"
    )
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(transformers.utils.hub, "_hf_api", None)  # which keeps the address it first saw
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    yield
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("gated", "accept its terms on https://huggingface.co/owner/gated, run `hf auth login`"),
        ("absent", "mend the name, or, if it is private, run `hf auth login`"),
        ("moved", "give the commit that `git ls-remote https://huggingface.co/owner/moved HEAD` prints"),
        ("broken", f"`hf download owner/broken --revision {COMMIT}`"),
    ],
)
def test_what_the_hub_refuses_is_one_sentence(hub: None, name: str, remedy: str) -> None:
    for load, key in ((vlm.load, "vlm"), (lambda *named: Clip(*named, "cpu"), "clip")):
        with pytest.raises(UserError) as raised:
            load(f"owner/{name}", COMMIT)
        said = str(raised.value)
        assert said.startswith(f"base.{key}.model: owner/{name} could not be loaded (") and remedy in said
        assert "\n" not in said


@pytest.mark.parametrize(
    ("model", "revision", "sentence"),
    [
        ("owner/name", COMMIT, None),
        ("here", None, None),
        ("here", COMMIT, "base.clip.revision is for hub models, but here is a folder: set it to null"),
        ("owner/name", None, "which `git ls-remote https://huggingface.co/owner/name HEAD` prints"),
        ("owner/name", "main", "base.clip.revision is 'main': give the 40-digit commit of owner/name"),
        ("models/base/absent", None, "base.clip.model names the folder models/base/absent, which is missing"),
        ("models/photographs-smollm2/llava", None, "which is missing: run `make smollm2`, which makes it"),
    ],
)
def test_names_and_commits_are_judged_without_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, revision: str | None, sentence: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("here").mkdir()
    found = problem("base.clip", model, revision)
    assert found is None if sentence is None else sentence in found
