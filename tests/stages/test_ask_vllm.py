"""The client of vLLM against a stub of it: the request byte for byte, and what the model is then given.

The stub has vLLM's request schema, and does with a message what vLLM's renderer does: a ``prompt_embeds``
part becomes one special token in the template's text, which is exchanged for the part's rows. It then runs
the plain model, whose probabilities must be those of our own engine.
"""

import base64
import io as memory
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from commands.ask.__main__ import main
from common import vlm
from common.assistant import Assistant
from common.core import images, params, paths
from common.core.errors import UserError
from common.vlm.layout import SLOT
from tests.support.helpers import save_photo, set_params
from tests.support.vllm_stub import Vllm
from tests.support.vlm_helpers import soft_prompt

SYSTEM = "A chat between a dog and a cat."


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
