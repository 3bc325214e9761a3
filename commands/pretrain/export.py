"""Writes the pretrained parts as what anyone loads: models/base/clip and models/base/llava."""

from __future__ import annotations

from pathlib import Path

from transformers import (
    CLIPImageProcessor,
    CLIPModel,
    CLIPProcessor,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

from commands.pretrain import joint
from commands.pretrain.vision import IMAGE_TOKENS, MEAN, PATCH, STD
from common.world.draw import SIZE

# The wording of LLaVA-1.5's template; a system message, if any, stands before USER:.
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'system' %}"
    "{% for part in message['content'] %}{{ part['text'] + ' ' }}{% endfor %}"
    "{% else %}{{ message['role'].upper() + ': ' }}"
    "{% for part in message['content'] if part['type'] == 'image' %}{{ '<image>\n' }}{% endfor %}"
    "{% for part in message['content'] if part['type'] == 'text' %}{{ part['text'] + ' ' }}{% endfor %}"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)


def image_processor() -> CLIPImageProcessor:
    """Shorter side to SIZE px, center crop, the normalization of pretraining."""
    return CLIPImageProcessor(
        size={"shortest_edge": SIZE},
        crop_size={"height": SIZE, "width": SIZE},
        image_mean=[MEAN] * 3,
        image_std=[STD] * 3,
    )


def export(tokenizer: PreTrainedTokenizerFast, folder: Path, target: Path) -> None:
    """Assembles the checkpoints of `folder` into `target/clip` and `target/llava`."""
    clip = CLIPModel.from_pretrained(folder / "aligned")
    clip.save_pretrained(target / "clip")
    CLIPProcessor(image_processor(), tokenizer).save_pretrained(target / "clip")
    llama, projector = joint.load(folder / "broad")
    config = LlavaConfig(
        vision_config=clip.config.vision_config,
        text_config=LlamaConfig(**llama.config.to_diff_dict()),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=IMAGE_TOKENS,
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
        tie_word_embeddings=False,
    )
    llava = LlavaForConditionalGeneration(config)
    parts = {
        "vision_tower": clip.vision_model,
        "multi_modal_projector": projector,
        "language_model": llama.model,
    }
    for name, source in parts.items():
        getattr(llava.model, name).load_state_dict(source.state_dict())
    llava.lm_head.load_state_dict(llama.lm_head.state_dict())
    llava.generation_config.eos_token_id = tokenizer.eos_token_id
    llava.generation_config.pad_token_id = tokenizer.pad_token_id
    llava.save_pretrained(target / "llava")
    LlavaProcessor(
        image_processor=image_processor(),
        tokenizer=tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=CHAT_TEMPLATE,
    ).save_pretrained(target / "llava")
