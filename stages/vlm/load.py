"""Open a base model: owns where it comes from, what is checked, and its identity.

Does not own prompts (`layout`), caches (`prefix`) or anything learned (`soft_prompt`).
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from stages.core.errors import UserError
from stages.vlm.layout import Layout

if TYPE_CHECKING:
    from transformers import LlavaForConditionalGeneration, LlavaProcessor, PreTrainedTokenizerFast

# What decides a model's answers; a README or a file of another format in the folder does not.
_IDENTITY = ("*.json", "*.safetensors", "*.model", "*.jinja")


@dataclass(frozen=True, eq=False)
class Base:
    """A frozen LLaVA with its processor.

    Attributes:
        model: in eval mode, no parameter requires a gradient.
        processor: image processor, tokenizer and chat template.
        layout: the text and ids around image and soft prompt.
        name: the folder or hub id it was loaded from.
        fingerprint: ``sha256:…`` over the folder's config, weights and tokenizer; ``id@commit`` from the hub.
        prefix_bytes: memory that kept image prefixes may take, in bytes; None for what is free.

    """

    model: "LlavaForConditionalGeneration"
    processor: "LlavaProcessor"
    layout: Layout
    name: str
    fingerprint: str
    prefix_bytes: int | None = None

    @property
    def tokenizer(self) -> "PreTrainedTokenizerFast":
        """The processor's tokenizer, as it came."""
        return self.processor.tokenizer

    @property
    def hidden_size(self) -> int:
        """D, the width of one embedding row."""
        return self.model.config.text_config.hidden_size

    @property
    def vocab_size(self) -> int:
        """V, rows of the embedding table; ids from V on stand for learned rows (see `rows`)."""
        return self.model.get_input_embeddings().num_embeddings

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.model.device


def load(
    model: str,
    revision: str | None = None,
    *,
    system: str = "",
    dtype: str = "float32",
    device: str = "cpu",
    prefix_gb: float | None = None,
) -> Base:
    """Load a `LlavaForConditionalGeneration` from a folder, or from the hub at a pinned commit.

    Args:
        model: folder, or hub id such as ``llava-hf/llava-1.5-7b-hf``.
        revision: 40-digit commit of a hub model; None for a folder.
        system: sentence before ``USER:``; empty for none.
        dtype: float32, bfloat16 or float16.
        device: cpu, cuda or cuda:N.
        prefix_gb: gigabytes (10^9 bytes) for kept image prefixes; None for what is free.

    Raises:
        UserError: the model is absent, unreachable, not a LLaVA, not in safetensors, or the device missing.

    """
    from transformers import AutoConfig, AutoProcessor, LlavaForConditionalGeneration

    if device.startswith("cuda") and not torch.cuda.is_available():
        raise UserError(
            f"base.device is {device}, but there is no CUDA device: set base.device: cpu in params.yaml"
        )
    _check_source(model, revision)
    with _explained(model, revision), _quiet():
        config = AutoConfig.from_pretrained(model, revision=revision, trust_remote_code=False)
        if config.model_type != "llava":
            raise UserError(
                f"{model} is a model of type {config.model_type}: base.model in params.yaml needs a LLaVA, "
                "for example llava-hf/llava-1.5-7b-hf"
            )
        weights = LlavaForConditionalGeneration.from_pretrained(
            model,
            revision=revision,
            dtype=getattr(torch, dtype),
            use_safetensors=True,
            trust_remote_code=False,
        )
        processor = AutoProcessor.from_pretrained(model, revision=revision, trust_remote_code=False)
    weights = weights.to(device).eval().requires_grad_(False)
    fingerprint = f"{model}@{revision}" if revision else _folder_fingerprint(Path(model))
    kept = None if prefix_gb is None else int(prefix_gb * 1e9)
    return Base(weights, processor, Layout.of(processor, system), model, fingerprint, kept)


def _check_source(model: str, revision: str | None) -> None:
    if revision is None:
        if not (Path(model) / "config.json").is_file():
            raise UserError(
                f"{model} holds no model (no config.json): restore it with git, or, for a model on the hub, "
                "set base.revision in params.yaml to its commit"
            )
    elif Path(model).exists():
        raise UserError(f"{model} is a folder, so base.revision in params.yaml must be null")
    elif not re.fullmatch(r"[0-9a-f]{40}", revision):
        raise UserError(f"base.revision '{revision}' is not a commit: give the 40-digit commit of {model}")


@contextmanager
def _explained(model: str, revision: str | None) -> Iterator[None]:
    """Turn the loaders' errors into one sentence that says what to do."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, ValueError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0]
        remedy = (
            f"check the network, or download it once with `hf download {model} --revision {revision}`"
            if revision
            else "restore the folder with git"
        )
        raise UserError(f"{model} could not be loaded ({reason}): {remedy}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """No weight-loading bars: stages show their own."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _folder_fingerprint(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted({path for pattern in _IDENTITY for path in folder.glob(pattern)}):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"{path.name} {content}\n".encode())
    return f"sha256:{digest.hexdigest()}"
