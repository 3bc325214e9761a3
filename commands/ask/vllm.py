"""A client of vLLM: an unchanged server of the base model answers about subjects, photos included.

What the base's chat template leaves room for, definition and question, goes into the message as one
``prompt_embeds`` part behind the photo: rows of the base's own table, with the learned ones among them. The
server, started with ``--enable-prompt-embeds``, puts a token of its own in the part's place, applies its
template, and exchanges the token for the rows, so that the model is given what it is given here.

Written from vLLM's source as of September 2026 (chat content parts since its pull request 40720), and tested
against a stub of its request schema and renderer. It has not been run against a vLLM. What such a server
cannot do is say the name: ``<bo>`` has no row in the output table that it serves.
"""

import base64
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from common import vlm
from common.assistant import Assistant
from common.core import images, paths
from common.core.errors import UserError
from common.methods.endpoint import chat
from common.methods.endpoint.client import Client as Endpoint
from common.methods.endpoint.client import RequestLimits
from common.methods.interface import Photos, Request
from common.vlm.layout import SLOT
from common.vlm.suffix import soft_prompts

# many at once, for vLLM batches what comes so
LIMITS = RequestLimits(timeout_s=300.0, retries=3, backoff_s=2.0, concurrency=16)
TOP = 20  # of the most probable tokens that vLLM tells, its usual limit
KEY = "VLLM_API_KEY"  # environment variable, as vLLM calls it on its own side


class VllmClient:
    """A vLLM that serves the base."""

    def __init__(
        self, assistant: Assistant, system: str, url: str, model: str, decoding: vlm.Decoding
    ) -> None:
        """Ask nothing yet.

        Args:
            assistant: whose base and soft prompts are meant.
            system: the sentence that the base is always told; empty for none.
            url: of the server, up to ``/v1``.
            model: as the server calls the base.
            decoding: with a temperature, vLLM draws from it, by draws of its own.

        """
        self.base, self.prompts = assistant.base, assistant.method(paths.SOFT_PROMPT)
        self.system, self.model = system, model
        drawn = {"top_p": decoding.top_p, "seed": decoding.seed} if decoding.temperature else {}
        self.how = {"temperature": decoding.temperature or 0} | drawn
        key = KEY if os.environ.get(KEY) else None
        self.endpoint = Endpoint(url, key, LIMITS, "--vllm")

    def reply(self, photos: Photos, requests: Sequence[Request]) -> list[vlm.Answer]:
        """Answers with the probabilities of the tasks' options, as far as the server tells them.

        Raises UserError if a subject is not trained, a text holds a special token, or the server fails.
        """
        shown = {key: picture(photos[key]) for key in {r.photo for r in requests} - {None}}
        bodies = [self.body(request, shown.get(request.photo)) for request in requests]
        replies = self.endpoint.ask_all(bodies, "vllm")
        return [
            vlm.Answer(reply.text, chat.probabilities(reply.first, request.task.options))
            for reply, request in zip(replies, requests, strict=True)
        ]

    def body(self, request: Request, photo: dict[str, Any] | None) -> dict[str, Any]:
        """The request as vLLM wants it."""
        if request.subjects:
            rows = self.rows(request.subjects, request.question, image=photo is not None)
            asked = {"type": "prompt_embeds", "data": encoded(rows)}
        else:
            asked = {"type": "text", "text": request.question}
        parts = [photo, asked] if photo else [asked]
        messages: list[dict[str, Any]] = [{"role": "user", "content": parts}]
        if self.system:
            system = {"role": "system", "content": [{"type": "text", "text": self.system}]}
            messages.insert(0, system)
        return {
            "model": self.model,
            "messages": messages,
            **self.how,
            "max_tokens": request.task.max_new_tokens,
            "logprobs": True,
            "top_logprobs": TOP,
        }

    def rows(self, subjects: Sequence[str], question: str, *, image: bool) -> torch.Tensor:
        """Definition and question as the language model is given them: (n, D) in its dtype, on the CPU."""
        definition = self.prompts.definition(subjects)
        ids = vlm.suffix(self.base, definition, question, image=image).ids
        before, after = self._around(image)
        if ids[: len(before)] != before or ids[len(ids) - len(after) :] != after:
            raise UserError(
                f"{self.base.name} splits words across the ends of a question, which vLLM cannot be told: "
                "use another base"
            )
        table = self.base.model.get_input_embeddings().weight.detach()
        learned = torch.cat([prompt.embeddings.to(table) for prompt in soft_prompts(definition)])
        kept = torch.tensor(ids[len(before) : len(ids) - len(after)], device=table.device)
        rows = table[kept.clamp(max=len(table) - 1)]
        own = kept >= len(table)
        rows[own] = learned[kept[own] - len(table)]
        return rows.cpu()

    def _around(self, image: bool) -> tuple[list[int], list[int]]:
        """Ids of a suffix that the server's template makes: before the definition, after the question."""
        layout = self.base.layout
        prefix = layout.prefix_text(image)
        separator = layout.image_separator if image else layout.separator
        before = layout.encode_continuation(prefix, separator + SLOT)[:-1]
        after = layout.encode_continuation(prefix + separator + SLOT, layout.generation_prompt)
        return before, after


def picture(path: Path) -> dict[str, Any]:
    """The photo as a part: every pixel as it is looked at here, so a PNG."""
    data = base64.b64encode(images.png(images.load_image(path))).decode()
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}


def encoded(rows: torch.Tensor) -> str:
    """Rows as vLLM reads them: base64 of what torch saves."""
    file = io.BytesIO()
    torch.save(rows, file)
    return base64.b64encode(file.getvalue()).decode()
