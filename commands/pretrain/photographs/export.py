"""Writes the parts of the base for photographs as what anyone loads: models/photographs/llava."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import (
    FastVlmConfig,
    FastVlmForConditionalGeneration,
    LlamaConfig,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

from commands.pretrain.photographs import tower

# SmolLM2's wording, but that a photo stands before the line's end, for photos behind one count as references.
SMOLLM2_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] }}"
    "{% set photos = message['content'] | selectattr('type', 'equalto', 'image') | list %}"
    "{{ ' ' + '<image>' * photos | length + '\n' if photos else '\n' }}"
    "{% for part in message['content'] if part['type'] == 'text' %}{{ part['text'] }}{% endfor %}"
    "{{ '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
IMAGE_TOKENS = (tower.SIZE // tower.PATCH) ** 2


def build(tokenizer: PreTrainedTokenizerFast, llama: LlamaConfig) -> FastVlmForConditionalGeneration:
    """Return the tower before a projector and a Llama of this size, which are random; all float32.

    The Llama's vocabulary and special tokens are taken from the tokenizer.
    """
    text = llama.to_diff_dict() | {
        "vocab_size": len(tokenizer),
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    config = FastVlmConfig(
        vision_config=tower.config().to_dict(),
        text_config=text,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=IMAGE_TOKENS,
        tie_word_embeddings=False,
    )
    model = FastVlmForConditionalGeneration(config)
    model.model.vision_tower.load_state_dict(tower.load().state_dict())
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model.eval()


def processor(tokenizer: PreTrainedTokenizerFast, chat_template: str) -> LlavaProcessor:
    """Return what makes a prompt and its photo input_ids and pixel_values."""
    return LlavaProcessor(
        image_processor=tower.image_processor(),
        tokenizer=tokenizer,
        patch_size=tower.PATCH,
        vision_feature_select_strategy="full",
        chat_template=chat_template,
    )


def export(
    model: FastVlmForConditionalGeneration,
    tokenizer: PreTrainedTokenizerFast,
    chat_template: str,
    target: Path,
) -> None:
    """Write model (float16) and processor into the folder `target`."""
    model.to(torch.float16).save_pretrained(target)
    processor(tokenizer, chat_template).save_pretrained(target)
