"""A stub of vLLM: its request schema, and what its renderer does with a message."""

import base64
import copy
import io as memory
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field

from common import vlm
from common.core import images

PLACE = "<prompt_embeds>"  # vLLM's own token


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
