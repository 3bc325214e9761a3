"""Tiny random models of every family but LLaVA-1.5 (`tests.support.tiny`), with real classes of all parts.

Owns a builder per family, `BUILDERS[model_type](folder)`, which writes what `from_pretrained` reads. As in
`tests.support.tiny`, only sizes and weights differ from the published models.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from transformers import (
    Blip2VisionConfig,
    BlipImageProcessor,
    CLIPImageProcessor,
    FastVlmConfig,
    FastVlmForConditionalGeneration,
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    LlavaNextImageProcessor,
    LlavaNextProcessor,
    LlavaProcessor,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
    TimmWrapperConfig,
)

from common.vlm.minigpt_v2 import CHAT_TEMPLATE as MINIGPT_TEMPLATE
from common.vlm.minigpt_v2 import IMAGE_TOKEN, MiniGPTv2Config, MiniGPTv2ForConditionalGeneration, register
from tests.support import idefics3, qwen_parts, tiny
from tests.support.tiny import CHAT_TEMPLATE, IMAGE_SIZE, PATCH, STD

TILES = [[24, 48], [48, 24], [48, 48]]  # resolutions that LLaVA-NeXT may cut an image's tiles of, pixels


def fast_vlm(folder: Path) -> Path:
    """FastVLM with a Llama: timm's smallest EfficientNet makes 9 tokens of an image squeezed to a square."""
    text = tiny.tokenizer()
    torch.manual_seed(0)
    config = FastVlmConfig(
        vision_config=TimmWrapperConfig(
            architecture="test_efficientnet", hidden_size=256, num_labels=0
        ).to_dict(),
        text_config=tiny.llama(text),
        image_token_id=text.convert_tokens_to_ids("<image>"),
        image_seq_length=9,
        tie_word_embeddings=False,
    )
    config.initializer_range = STD
    model = FastVlmForConditionalGeneration(config)
    _see(model.model.vision_tower)
    processor = LlavaProcessor(
        image_processor=CLIPImageProcessor(size={"height": 96, "width": 96}, do_center_crop=False),
        tokenizer=text,
        patch_size=32,
        vision_feature_select_strategy="full",
        chat_template=CHAT_TEMPLATE,
    )
    return saved(model, processor, folder)


def llava_next(folder: Path) -> Path:
    """LLaVA-NeXT with a Llama: an image is itself and two or four tiles of 9 tokens, less the padding."""
    text = tiny.tokenizer()
    torch.manual_seed(0)
    config = LlavaNextConfig(
        vision_config=tiny.vision(),
        text_config=tiny.llama(text),
        image_token_index=text.convert_tokens_to_ids("<image>"),
        image_grid_pinpoints=TILES,
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",
        tie_word_embeddings=False,
    )
    config.initializer_range = STD
    side = {"height": IMAGE_SIZE, "width": IMAGE_SIZE}
    processor = LlavaNextProcessor(
        image_processor=LlavaNextImageProcessor(
            size={"shortest_edge": IMAGE_SIZE}, crop_size=side, image_grid_pinpoints=TILES
        ),
        tokenizer=text,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=CHAT_TEMPLATE,
    )
    return saved(LlavaNextForConditionalGeneration(config), processor, folder)


def minigpt_v2(folder: Path) -> Path:
    """MiniGPT-v2 with a Llama: 16 patches of an image squeezed to a square, in fours."""
    register()
    names = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
    text = PreTrainedTokenizerFast(
        tokenizer_object=tiny.tokenizer().backend_tokenizer,
        extra_special_tokens={"image_token": IMAGE_TOKEN},
        padding_side="left",
        **names,
    )
    torch.manual_seed(0)
    config = MiniGPTv2Config(
        vision_config=Blip2VisionConfig(
            image_size=IMAGE_SIZE,
            patch_size=6,
            hidden_size=24,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            initializer_range=STD,
        ).to_dict(),
        text_config=tiny.llama(text),
        image_token_id=text.convert_tokens_to_ids(IMAGE_TOKEN),
        image_seq_length=4,
        tie_word_embeddings=False,
    )
    config.initializer_range = STD
    processor = LlavaProcessor(
        image_processor=BlipImageProcessor(size={"height": IMAGE_SIZE, "width": IMAGE_SIZE}),
        tokenizer=text,
        patch_size=12,
        vision_feature_select_strategy="full",
        chat_template=MINIGPT_TEMPLATE,
    )
    return saved(MiniGPTv2ForConditionalGeneration(config), processor, folder)


def qwen2_5_vl(folder: Path) -> Path:
    """Qwen2.5-VL: a vision tower with windows, M-RoPE in sections, one table for input and output."""
    text = qwen_parts.tokenizer()
    torch.manual_seed(0)
    config = Qwen2_5_VLConfig(
        vision_config={
            **qwen_parts.tower(),
            "window_size": 16,
            "fullatt_block_indexes": [1],
            "intermediate_size": 48,
        },
        text_config=qwen_parts.decoder(text),
        **qwen_parts.ids(text),
        tie_word_embeddings=True,
    )
    images = Qwen2VLImageProcessor(**qwen_parts.pixels())
    videos = Qwen2VLVideoProcessor(**qwen_parts.pixels())
    processor = Qwen2_5_VLProcessor(images, text, videos, chat_template=qwen_parts.CHAT_ML)
    return saved(Qwen2_5_VLForConditionalGeneration(config), processor, folder)


def qwen3_vl(folder: Path) -> Path:
    """Qwen3-VL: interleaved M-RoPE, and image features added in deeper layers, too (DeepStack)."""
    text = qwen_parts.tokenizer()
    torch.manual_seed(0)
    config = Qwen3VLConfig(
        vision_config={
            **qwen_parts.tower(),
            "num_position_embeddings": 16,
            "deepstack_visual_indexes": [0, 1],
            "intermediate_size": 48,
        },
        text_config=qwen_parts.decoder(text) | {"head_dim": 16},
        **qwen_parts.ids(text),
        tie_word_embeddings=True,
    )
    images = Qwen2VLImageProcessor(**qwen_parts.pixels())
    videos = Qwen3VLVideoProcessor(**qwen_parts.pixels())
    processor = Qwen3VLProcessor(images, text, videos, chat_template=qwen_parts.CHAT_ML)
    return saved(Qwen3VLForConditionalGeneration(config), processor, folder)


def smolvlm(folder: Path) -> Path:
    """SmolVLM-256M and 500M: Idefics3 with a Llama; five images of four tokens, with words between them."""
    text = qwen_parts.tokenizer(idefics3.MARKS, idefics3.END)
    return saved(*idefics3.parts(text, tiny.llama(text)), folder)


BUILDERS: dict[str, Callable[[Path], Path]] = {
    "fast_vlm": fast_vlm,
    "idefics3": smolvlm,
    "llava_next": llava_next,
    "minigpt_v2": minigpt_v2,
    "qwen2_5_vl": qwen2_5_vl,
    "qwen3_vl": qwen3_vl,
}


@torch.no_grad()
def _see(tower: torch.nn.Module) -> None:
    """Measure what its batch norms divide by, without which nothing of an image passes random layers."""
    for module in tower.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    tower.train()(torch.randn(16, 3, 96, 96, generator=torch.Generator().manual_seed(0)))
    tower.eval()


def saved(model: torch.nn.Module, processor: object, folder: Path) -> Path:
    """Draw all weights wide, those that the classes leave at zero or one included, and write the parts."""
    text = processor.tokenizer
    generator = torch.Generator().manual_seed(1)
    for values in model.parameters():
        if values.std() == 0 or values.ndim == 1:
            values.data += STD * torch.randn(values.shape, generator=generator)
    model.generation_config.eos_token_id = [text.eos_token_id, text.pad_token_id]
    model.generation_config.pad_token_id = text.pad_token_id
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
