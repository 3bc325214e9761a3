"""What the tiny models of Qwen's families are made of: tokenizer, towers, decoder, ids and pixels."""

from collections.abc import Sequence

from tokenizers import pre_tokenizers, trainers
from transformers import (
    Qwen2Tokenizer,
)

from tests.support import tiny
from tests.support.tiny import CORPUS, STD

CHAT_ML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}{{ '<|vision_start|><|image_pad|><|vision_end|>' }}"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
MARKS = ["<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]


def tokenizer(marks: Sequence[str] = MARKS, end: str = "<|im_end|>") -> Qwen2Tokenizer:
    """Qwen's byte-level BPE with marks of a chat; about 400 pieces."""
    draft = Qwen2Tokenizer().backend_tokenizer
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    draft.train_from_iterator(CORPUS, trainer)
    learned = tiny.model_of(draft)
    text = Qwen2Tokenizer(
        vocab=learned["vocab"],
        merges=[tuple(merge) for merge in learned["merges"]],
        eos_token=end,
        padding_side="left",
    )
    text.add_special_tokens({"additional_special_tokens": list(marks)})
    return text


def tower() -> dict:
    """Of the config of a vision tower."""
    return {
        "depth": 2,
        "hidden_size": 32,
        "num_heads": 4,
        "patch_size": 4,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "out_hidden_size": 32,
        "initializer_range": STD,
    }


def decoder(text: Qwen2Tokenizer) -> dict:
    """The config of a language model with this tokenizer."""
    return {
        "vocab_size": len(text) + 3,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "max_position_embeddings": 512,
        "initializer_range": STD,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 10000.0,
            "mrope_section": [4, 2, 2],
            "mrope_interleaved": True,
        },
        "bos_token_id": None,
        "eos_token_id": text.eos_token_id,
        "pad_token_id": text.pad_token_id,
        "tie_word_embeddings": True,
    }


def ids(text: Qwen2Tokenizer) -> dict[str, int]:
    """Ids of the marks around images and videos, as configs name them."""
    names = {"vision_start": MARKS[2], "vision_end": MARKS[3], "image": MARKS[4], "video": MARKS[5]}
    return {f"{name}_token_id": text.convert_tokens_to_ids(mark) for name, mark in names.items()}


def pixels() -> dict:
    """Settings of the processors of images and videos."""
    return {
        "patch_size": 4,
        "merge_size": 2,
        "temporal_patch_size": 2,
        "size": {"shortest_edge": 16 * 16, "longest_edge": 48 * 48},
    }
