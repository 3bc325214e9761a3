"""Tiny random models with real processors and tokenizers: what the tests load in place of the base models.

Owns two builders, `llava(folder)` and `clip(folder)`, which write what `from_pretrained` reads. The classes,
chat template and tokenizer type are those of LLaVA-1.5; only sizes and weights differ. The weights are drawn
wide (std .2), so that leaving out an image, a prefix or a position moves every number.
"""

import json
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPProcessor,
    CLIPTextConfig,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

IMAGE_SIZE, PATCH, STD = 24, 8, 0.2
SPECIAL = ["<unk>", "<s>", "</s>", "<pad>", "<image>"]
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] != 'system' %}{{ message['role'].upper() + ': ' }}{% endif %}"
    "{% for content in message['content'] if content['type'] == 'image' %}{{ '<image>\n' }}{% endfor %}"
    "{% for content in message['content'] if content['type'] == 'text' %}{{ content['text'] }} {% endfor %}"
    "{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)
CORPUS = [
    "USER: Can you see the dog in this photo? Answer with a single word or phrase. ASSISTANT: Yes No",
    "What color is the red dog next to the green ball? It is brown. Is it a cat or a tree? A. ball B. tree",
    "Yes, the dog is here. No, I do not see the cat in this photo. Describe the object in detail.",
]


def tokenizer(context: int = 512) -> PreTrainedTokenizerFast:
    """Llama-like BPE: metaspace, byte fallback, BOS in front; about 400 pieces."""
    draft = Tokenizer(models.BPE())
    draft.pre_tokenizer = pre_tokenizers.Metaspace()
    draft.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=140, show_progress=False))
    learned = model_of(draft)
    pieces = (
        SPECIAL
        + [f"<0x{byte:02X}>" for byte in range(256)]
        + sorted(learned["vocab"], key=learned["vocab"].get)
    )
    fast = Tokenizer(
        models.BPE(
            vocab={piece: i for i, piece in enumerate(pieces)},
            merges=[tuple(merge) for merge in learned["merges"]],
            unk_token="<unk>",
            byte_fallback=True,
            fuse_unk=True,
        )
    )
    fast.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in SPECIAL])
    fast.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    fast.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    fast.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", SPECIAL.index("<s>"))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=fast,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        extra_special_tokens={"image_token": "<image>"},
        model_max_length=context,
        padding_side="left",
    )


def model_of(trained: Tokenizer) -> dict:
    """The pieces and merges of a trained tokenizer."""
    return json.loads(trained.to_str())["model"]


def image_processor() -> CLIPImageProcessor:
    """CLIP's own preprocessing at the tiny size."""
    return CLIPImageProcessor(
        size={"shortest_edge": IMAGE_SIZE}, crop_size={"height": IMAGE_SIZE, "width": IMAGE_SIZE}
    )


def llava(folder: str | Path, seed: int = 0, kv_heads: int = 2) -> Path:
    """Write a random LLaVA (9 image tokens, Llama d32, 2 layers, 4 heads) with its processor."""
    text = tokenizer()
    torch.manual_seed(seed)
    config = LlavaConfig(
        vision_config=vision(),
        text_config=llama(text, kv_heads),
        image_token_id=text.convert_tokens_to_ids("<image>"),
        image_seq_length=(IMAGE_SIZE // PATCH) ** 2,
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",
        tie_word_embeddings=False,
    )
    config.initializer_range = STD
    model = LlavaForConditionalGeneration(config)
    model.generation_config.pad_token_id = text.pad_token_id
    model.save_pretrained(folder)
    LlavaProcessor(
        image_processor=image_processor(),
        tokenizer=text,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=CHAT_TEMPLATE,
    ).save_pretrained(folder)
    return Path(folder)


def llama(text: PreTrainedTokenizerFast, kv_heads: int = 2) -> LlamaConfig:
    """The language model of this tokenizer."""
    return LlamaConfig(
        vocab_size=len(text) + 3,  # padded beyond the tokenizer, as llava-hf's is
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=kv_heads,
        max_position_embeddings=512,
        initializer_range=STD,
        bos_token_id=text.bos_token_id,
        eos_token_id=text.eos_token_id,
        pad_token_id=text.pad_token_id,
    )


def clip(folder: str | Path, seed: int = 0, width: int = 16) -> Path:
    """Write a random CLIP, whose embeddings have so many numbers, with its processor."""
    text = tokenizer(context=64)
    torch.manual_seed(seed)
    model = CLIPModel(
        CLIPConfig(
            vision_config=vision(),
            text_config=CLIPTextConfig(
                vocab_size=len(text),
                hidden_size=32,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=4,
                max_position_embeddings=64,
                bos_token_id=text.bos_token_id,
                eos_token_id=text.eos_token_id,
                pad_token_id=text.pad_token_id,
            ).to_dict(),
            projection_dim=width,
        )
    )
    model.save_pretrained(folder)
    CLIPProcessor(image_processor=image_processor(), tokenizer=text).save_pretrained(folder)
    return Path(folder)


def vision() -> dict:
    """CLIP's vision tower at the tiny size."""
    return CLIPVisionConfig(
        image_size=IMAGE_SIZE,
        patch_size=PATCH,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        initializer_range=STD,
        initializer_factor=10.0,
    ).to_dict()
