"""A tiny random model of SmolVLM: tiles of an image, each announced by its row and column in words."""

import torch
from transformers import (
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessor,
    Idefics3Processor,
    LlamaConfig,
    PreTrainedTokenizerBase,
)

from tests.support.tiny import STD

TILE = 16  # pixels, longest edge; 16 patches of it become TOKENS
TOKENS = 4
END = "<end_of_utterance>"
MARKS = [
    "<|im_start|>", END, "<image>", "<fake_token_around_image>", "<global-img>",
    *(f"<row_{row}_col_{column}>" for row in (1, 2) for column in (1, 2)),
]  # fmt: skip
CHAT = (
    "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}"
    "{% if message['content'][0]['type'] == 'image' %}{{ ':' }}{% else %}{{ ': ' }}{% endif %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}{{ '<image>' }}{% else %}{{ part['text'] }}{% endif %}{% endfor %}"
    "<end_of_utterance>\n{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)


def parts(text: PreTrainedTokenizerBase, llama: LlamaConfig) -> tuple[torch.nn.Module, Idefics3Processor]:
    """Model and processor; an image is scaled to two tiles' length, cut, and shown whole as well."""
    torch.manual_seed(0)
    config = Idefics3Config(
        image_token_id=text.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        tie_word_embeddings=False,
        text_config=llama.to_dict(),
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": TILE,
            "patch_size": 4,
            "initializer_range": STD,
        },
    )
    config.initializer_range = STD
    images = Idefics3ImageProcessor(size={"longest_edge": 2 * TILE}, max_image_size={"longest_edge": TILE})
    return Idefics3ForConditionalGeneration(config), Idefics3Processor(images, text, TOKENS, CHAT)
