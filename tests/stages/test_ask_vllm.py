"""The client of vLLM against a stub of it: the request byte for byte, and what the model is then given.

The stub has vLLM's request schema, and does with a message what vLLM's renderer does: a ``prompt_embeds``
part becomes one special token in the template's text, which is exchanged for the part's rows. It then runs
the plain model, whose probabilities must be those of our own engine.
"""

import base64
import copy
import io as memory
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import torch
from pydantic import BaseModel, ConfigDict, Field

from commands.ask.__main__ import main
from common import vlm
from common.assistant import Assistant
from common.core import images, params, paths
from common.core.errors import UserError
from common.vlm.layout import SLOT
from tests.support.helpers import save_photo, set_params
from tests.support.vlm_helpers import soft_prompt

PLACE = "<prompt_embeds>"  # vLLM's own token
SYSTEM = "A chat between a dog and a cat."


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Url(Strict):
    url: str


class Image(Strict):
    type: Literal["image_url"]
    image_url: Url


class PromptEmbeds(Strict):
    type: Literal["prompt_embeds"]
    data: Annotated[str, Field(min_length=1)]


class Text(Strict):
    type: Literal["text"]
    text: str


class Message(Strict):
    role: str
    content: list[Annotated[Image | PromptEmbeds | Text, Field(discriminator="type")]]


class ChatCompletionRequest(Strict):
    """Of vLLM's fields those that are sent, with its types and limits."""

    model: str
    messages: list[Message]
    temperature: float | None
    max_tokens: int | None
    logprobs: bool | None
    top_logprobs: Annotated[int, Field(le=20)] | None


class Vllm:
    """The stub."""

    def __init__(self, base: vlm.Base) -> None:
        self.base, self.bodies = base, []
        self.tokenizer = copy.deepcopy(base.processor.tokenizer)
        self.tokenizer.add_special_tokens({"additional_special_tokens": [PLACE]})
        self.place = self.tokenizer.convert_tokens_to_ids(PLACE)
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                server.bodies.append(raw)
                reply = json.dumps(server.answer(ChatCompletionRequest.model_validate_json(raw))).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *args: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    @torch.no_grad()
    def answer(self, request: ChatCompletionRequest) -> dict[str, Any]:
        """Every token with its log probability as the first of the answer."""
        model = self.base.model
        embeddings = self.render(request)
        hidden = model.model.language_model(inputs_embeds=embeddings[None]).last_hidden_state
        logprobs = model.lm_head(hidden[0, -1]).float().log_softmax(-1)
        top = [
            {"token": self.tokenizer.decode([i]), "logprob": value, "bytes": None}
            for i, value in enumerate(logprobs.tolist())
            if i < self.base.layout.slot_id
        ]
        said = max(top, key=lambda token: token["logprob"])
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": said["token"]},
            "logprobs": {"content": [said | {"top_logprobs": top}]},
            "finish_reason": "length",
        }
        return {"choices": [choice], "usage": {"prompt_tokens": len(embeddings)}}

    def render(self, request: ChatCompletionRequest) -> torch.Tensor:
        """What the language model is given, (n, D)."""
        messages, rows, pictures = [], [], []
        for message in request.messages:
            parts: list[dict[str, str]] = []
            for part in message.content:
                if isinstance(part, PromptEmbeds):
                    data = memory.BytesIO(base64.b64decode(part.data, validate=True))
                    rows.append(torch.load(data, weights_only=True))
                    parts.append({"type": "text", "text": PLACE})
                elif isinstance(part, Image):
                    pictures.append(
                        images.load_image(base64.b64decode(part.image_url.url.partition("base64,")[2]))
                    )
                    parts.append({"type": "image"})
                else:
                    parts.append({"type": "text", "text": part.text})
            messages.append({"role": message.role, "content": parts})
        processor = copy.copy(self.base.processor)
        processor.tokenizer = self.tokenizer
        text = processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        inputs = processor(text=[text], images=pictures or None, return_tensors="pt")
        ids = inputs["input_ids"][0]
        table = self.base.model.get_input_embeddings().weight
        embeddings = table[ids.where(ids < len(table), 0)].clone()
        if pictures:
            features = self.base.model.get_image_features(pixel_values=inputs["pixel_values"]).pooler_output
            embeddings[ids == self.base.model.config.image_token_id] = features[0]
        if not rows:
            return embeddings
        (at,) = (ids == self.place).nonzero().squeeze(1).tolist()
        (given,) = rows
        assert given.dtype == table.dtype and given.shape[1] == table.shape[1]
        return torch.cat([embeddings[:at], given, embeddings[at + 1 :]])


@pytest.fixture(params=["", SYSTEM])
def assistant(request: pytest.FixtureRequest, workspace: Path, tiny_llava: Path) -> Assistant:
    set_params(
        {
            "base.vlm.model": str(tiny_llava),
            "base.vlm.system": request.param,
            "chat.max_new_tokens": 1,
            "subjects": {name: {"kind": "pet", "source": "world"} for name in ("bo", "mam")},
        }
    )
    found = Assistant.of(params.load())
    for number, subject in enumerate(("bo", "mam")):
        prompt = soft_prompt(found.base, subject, 3, number)
        prompt.info["base"] = {"fingerprint": found.base.fingerprint}
        prompt.save(paths.subject_model(subject))
    save_photo(Path("photos/a.png"), 200)
    return found


@pytest.fixture
def server(assistant: Assistant) -> Iterator[Vllm]:
    found = Vllm(assistant.base)
    yield found
    found.http.shutdown()
    found.http.server_close()


ASKED = [
    {"question": "Is <bo> here?", "image": "a.png", "subject": "bo"},
    {"question": "Is <mam> or <bo> red, or is it <bo>", "image": "a.png", "subject": "bo+mam"},
    {"question": "Is <bo> red?", "subject": "bo"},
    {"question": "Who?", "image": "a.png"},  # about nobody: plain text
    {"question": "Who?"},
]


def ask(server: Vllm, out: str) -> list[dict[str, Any]]:
    Path("photos/q.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in ASKED))
    main("photos/q.jsonl", out, "--vllm", server.url, "--vllm-model", "the-base")
    return [json.loads(line) for line in Path(out).read_text().splitlines()]


def test_the_model_is_given_what_it_is_given_here(assistant: Assistant, server: Vllm) -> None:
    main_rows = ask(server, "theirs.jsonl")
    main("photos/q.jsonl", "ours.jsonl")
    ours = [json.loads(line) for line in Path("ours.jsonl").read_text().splitlines()]
    for their, our in zip(main_rows, ours, strict=True):
        assert their["yes"] == pytest.approx(our["yes"], rel=1e-4), their["question"]
    assert len({row["yes"] for row in ours}) == len(ASKED)


def test_the_request_byte_for_byte(assistant: Assistant, server: Vllm) -> None:
    ask(server, "answers.jsonl")
    base = assistant.base
    prompt = vlm.SoftPrompt.load(paths.subject_model("bo"), base.fingerprint)
    table, layout = base.model.get_input_embeddings().weight.detach(), base.layout
    text = f"{prompt.text(SLOT, SLOT)} Is {SLOT} here?"
    learned = iter([*prompt.embeddings, prompt.embeddings[0]])
    ids = layout.encode_continuation(layout.image_prefix, text)
    rows = torch.stack([next(learned) if i == layout.slot_id else table[i] for i in ids])
    file = memory.BytesIO()
    torch.save(rows, file)
    photo = base64.b64encode(images.png(images.load_image("photos/a.png"))).decode()
    content = [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{photo}"}},
        {"type": "prompt_embeds", "data": base64.b64encode(file.getvalue()).decode()},
    ]
    messages = [{"role": "user", "content": content}]
    if system := params.load().base.vlm.system:
        messages.insert(0, {"role": "system", "content": [{"type": "text", "text": system}]})
    expected = {
        "model": "the-base", "messages": messages, "temperature": 0, "max_tokens": 1, "logprobs": True,
        "top_logprobs": 20,
    }  # fmt: skip
    assert json.dumps(expected).encode() in server.bodies


def test_what_vllm_cannot_be_asked(assistant: Assistant, server: Vllm) -> None:
    Path("photos/q.jsonl").write_text(f"{json.dumps(ASKED[0])}\n")
    words = ("photos/q.jsonl", "out.jsonl", "--vllm", server.url, "--vllm-model", "the-base")
    with pytest.raises(UserError, match="asks with soft prompts alone"):
        main(*words, "--method", "lora")
