"""Load a base model: from where, on which devices, in which numbers, and by which fingerprint it is known."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from common.core.errors import UserError
from common.core.models import explained, refuse_gaps, refuse_other_side
from common.vlm import families
from common.vlm.layout import Layout

if TYPE_CHECKING:
    from transformers import (
        BitsAndBytesConfig,
        PretrainedConfig,
        PreTrainedModel,
        PreTrainedTokenizerFast,
        ProcessorMixin,
    )

# What decides a model's answers; a README or a file of another format in the folder does not.
_IDENTITY = ("*.json", "*.safetensors", "*.model", "*.jinja")


@dataclass(frozen=True, eq=False)
class Base:
    """A frozen vision-language model with its processor.

    Attributes:
        model: in eval mode, no parameter requires a gradient.
        processor: image processor, tokenizer and chat template.
        layout: the text and ids around image and soft prompt.
        name: the folder or hub id it was loaded from.
        fingerprint: ``sha256:…`` over the folder's config, weights and tokenizer; ``id@commit`` from the hub.
        prefix_bytes: memory that kept image prefixes may take, in bytes; None for what is free.
        image_size: longest side of an image that the processor is given, in pixels; None for any.

    """

    model: "PreTrainedModel"
    processor: "ProcessorMixin"
    layout: Layout
    name: str
    fingerprint: str
    prefix_bytes: int | None = None
    image_size: int | None = None

    @property
    def tokenizer(self) -> "PreTrainedTokenizerFast":
        """The processor's tokenizer, as it came."""
        return self.processor.tokenizer

    @property
    def language_model(self) -> "PreTrainedModel":
        """The decoder: embeddings and a cache to hidden states."""
        return self.model.get_decoder()

    @property
    def hidden_size(self) -> int:
        """D, the width of one embedding row."""
        return self.model.config.get_text_config().hidden_size

    @property
    def vocab_size(self) -> int:
        """V, rows of the embedding table; ids from V on stand for learned rows (see `learned_rows`)."""
        return self.model.get_input_embeddings().num_embeddings

    @cached_property
    def end_ids(self) -> frozenset[int]:
        """Ids that end an answer: the one that training puts there, and those that `generate` stops at."""
        own = self.model.generation_config.eos_token_id
        return frozenset([self.tokenizer.eos_token_id, *(own if isinstance(own, list) else [own])])

    @property
    def device(self) -> torch.device:
        """Where the weights are; where the first of them are, if they are on several devices."""
        return self.model.device


def load(
    model: str,
    revision: str | None = None,
    *,
    system: str = "",
    dtype: str = "float32",
    image_size: int | None = None,
    bits: int | None = None,
    device: str = "cpu",
    prefix_gb: float | None = None,
) -> Base:
    """Load a model of one of `families` from a folder, or from the hub at a pinned commit.

    Args:
        model: folder, or hub id such as ``llava-hf/llava-1.5-7b-hf``.
        revision: 40-digit commit of a hub model; None for a folder.
        system: sentence before the conversation; empty for none.
        dtype: float32, bfloat16 or float16.
        image_size: longest side of an image given to the model, pixels; larger ones are made smaller.
        bits: 4 (NF4) or 8 (LLM.int8), for the weights of all linear layers but the output; None for dtype.
        device: cpu, cuda, cuda:N, or auto for layer after layer over all GPUs.
        prefix_gb: gigabytes (10^9 bytes) for kept image prefixes; None for what is free.

    Raises:
        UserError: the model is absent, unreachable, of another family, not in safetensors, too large for the
            GPUs, or the device missing; or its weights lack tensors.

    """
    from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor

    from common.vlm import minigpt_v2

    minigpt_v2.register()
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise UserError(
            f"base.device.type is {device}, but there is no CUDA device: set it to cpu in params.yaml"
        )
    with explained("base.vlm", model, revision), _quiet():
        config = AutoConfig.from_pretrained(model, revision=revision, trust_remote_code=False)
        families.check(model, config.model_type)
        weights, loaded = AutoModelForImageTextToText.from_pretrained(
            model,
            revision=revision,
            dtype=getattr(torch, dtype),
            device_map=device,
            quantization_config=_quantization(bits, dtype),
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
        refuse_gaps("base.vlm", model, loaded)
        processor = AutoProcessor.from_pretrained(model, revision=revision, trust_remote_code=False)
        refuse_other_side("base.vlm", model, processor, config)
        _complete(processor, config)
        families.see_sides(processor, config.model_type)
        layout = Layout.of(processor, system)
    places = {str(place) for place in getattr(weights, "hf_device_map", {}).values()}
    if places & {"cpu", "disk"} and torch.cuda.is_available():
        raise UserError(
            f"the GPUs do not hold {model}: set base.vlm.bits to 8 or 4, or choose a smaller base"
        )
    weights = weights.eval().requires_grad_(False)
    for module in weights.modules():
        if type(module).__name__ == "Linear4bit":
            # its CPU kernel for inference gives no gradients, and rounds otherwise than the one for training
            module.support_avx512bf16_for_cpu = False
    kept = None if prefix_gb is None else int(prefix_gb * 1e9)
    return Base(weights, processor, layout, model, fingerprint(model, revision), kept, image_size)


def _complete(processor: "ProcessorMixin", config: "PretrainedConfig") -> None:
    """Tell the processor of an older checkpoint what was the model's alone: how many tokens an image has."""
    if getattr(processor, "patch_size", 0) is not None:
        return
    vision = config.vision_config
    processor.patch_size = vision.patch_size
    processor.vision_feature_select_strategy = config.vision_feature_select_strategy
    processor.num_additional_image_tokens = int(vision.model_type == "clip_vision_model")  # its class token


def _quantization(bits: int | None, dtype: str) -> "BitsAndBytesConfig | None":
    """How bitsandbytes holds the weights; products are in dtype."""
    if bits is None:
        return None
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=bits == 4,
        load_in_8bit=bits == 8,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=getattr(torch, dtype),
    )


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


def fingerprint(model: str, revision: str | None) -> str:
    """Return ``id@commit`` of a hub model, ``sha256:…`` over config, weights and tokenizer of a folder."""
    if revision:
        return f"{model}@{revision}"
    digest = hashlib.sha256()
    for path in sorted({path for pattern in _IDENTITY for path in Path(model).glob(pattern)}):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"{path.name} {content}\n".encode())
    return f"sha256:{digest.hexdigest()}"
