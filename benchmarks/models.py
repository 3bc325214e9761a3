"""The models to measure: the committed small base, and LLaVA-1.5 with random weights.

Speed does not depend on the weights' values, so LLaVA-1.5 needs no download: its classes, its published sizes
and the small base's tokenizer do, which leaves the rest of the vocabulary unused. A CPU is too slow for these
sizes. It is given a model of the 7B's proportions that sees as many image tokens: with them, not with the
width, the share of the work grows that need not be done again.
"""

from dataclasses import dataclass, replace

import torch
from transformers import (
    AutoProcessor,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
)

from common import vlm
from common.core import errors, params, paths, seed
from common.vlm.layout import Layout

SMALL = "small"
SYSTEM = (
    "A chat between a human and an assistant."  # as many tokens as LLaVA's own sentence with its tokenizer
)


@dataclass(frozen=True)
class Architecture:
    """Sizes of a LLaVA: CLIP's vision tower, and Llama; its device, and its dtype there."""

    width: int
    inner_width: int
    layers: int
    heads: int
    vocabulary: int = 32064
    vision_width: int = 1024
    vision_inner_width: int = 4096
    vision_layers: int = 24
    vision_heads: int = 16
    patch: int = 14
    image_size: int = 336
    device: str = "cuda"
    dtype: torch.dtype = torch.bfloat16
    threads: int | None = None  # as in params.yaml


TINY = Architecture(  # for a rehearsal of what a GPU will do
    width=32,
    inner_width=64,
    layers=2,
    heads=4,
    vocabulary=1000,
    vision_width=32,
    vision_inner_width=64,
    vision_layers=3,
    vision_heads=4,
    patch=8,
    image_size=24,
    device="cpu",
    threads=1,  # more would only wait for each other
)
ARCHITECTURES = {
    "llava-1.5-7b": Architecture(width=4096, inner_width=11008, layers=32, heads=32),
    "llava-1.5-13b": Architecture(width=5120, inner_width=13824, layers=40, heads=40),
    # the 7B's tower has 4.5 %, each of its tables 2 % of the weights of the layers; here as well
    "llava-1.5-25m": Architecture(
        width=512,
        inner_width=1376,
        layers=8,
        heads=8,
        vocabulary=976,
        vision_width=176,
        vision_inner_width=704,
        vision_layers=3,
        vision_heads=4,
        device="cpu",
        dtype=torch.float32,
    ),
    "llava-1.5-7b-tiny": TINY,
    "llava-1.5-13b-tiny": replace(TINY, layers=3),
}
NAMES = (SMALL, *ARCHITECTURES)


def open_model(name: str) -> vlm.Base:
    """Seed everything and open the model called `name`, one of NAMES."""
    if name == SMALL:
        settings = params.load()
        seed.seed_everything(settings.seed, settings.threads)
        base = settings.base
        return vlm.load(
            base.vlm.model,
            base.vlm.revision,
            system=base.vlm.system,
            dtype=base.vlm.dtype,
            device=base.device.type,
            prefix_gb=base.device.prefix_gb,
        )
    return _made(name, ARCHITECTURES[name], ARCHITECTURES[name].dtype)


def open_exact(name: str) -> vlm.Base:
    """Open what proves equality: bfloat16 rounds too much, so of LLaVA-1.5 a few layers in float32."""
    if name == SMALL or ARCHITECTURES[name].dtype == torch.float32:
        return open_model(name)
    return _made(name, replace(ARCHITECTURES[name], layers=2, vision_layers=3), torch.float32)


def _made(name: str, sizes: Architecture, dtype: torch.dtype) -> vlm.Base:
    """Seed everything and make a model of these sizes."""
    if sizes.device == "cuda" and not torch.cuda.is_available():
        raise errors.UserError(f"{name} is measured on a GPU and there is none: leave out --model {name}")
    settings = params.load()
    seed.seed_everything(settings.seed, sizes.threads or settings.threads)
    return build(name, sizes, dtype=dtype)


def build(name: str, sizes: Architecture, *, dtype: torch.dtype) -> vlm.Base:
    """Make a LLaVA of these sizes; weights are drawn in `dtype` where they stay: no larger copy exists."""
    processor = AutoProcessor.from_pretrained(paths.BASE / "llava")
    side = sizes.image_size
    processor.image_processor.size = {"shortest_edge": side}
    processor.image_processor.crop_size = {"height": side, "width": side}
    processor.patch_size = sizes.patch
    tokenizer = processor.tokenizer
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=sizes.vision_width,
            intermediate_size=sizes.vision_inner_width,
            num_hidden_layers=sizes.vision_layers,
            num_attention_heads=sizes.vision_heads,
            patch_size=sizes.patch,
            image_size=side,
        ).to_dict(),
        text_config=LlamaConfig(
            vocab_size=sizes.vocabulary,
            hidden_size=sizes.width,
            intermediate_size=sizes.inner_width,
            num_hidden_layers=sizes.layers,
            num_attention_heads=sizes.heads,
            num_key_value_heads=sizes.heads,
            max_position_embeddings=4096,
            rms_norm_eps=1e-5,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        ),
        image_token_id=processor.image_token_id,
        image_seq_length=(side // sizes.patch) ** 2,
        vision_feature_layer=-2,
        vision_feature_select_strategy="default",
        tie_word_embeddings=False,
    )
    with torch.device(sizes.device):
        model = LlavaForConditionalGeneration._from_config(config, dtype=dtype)
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.eval().requires_grad_(False)
    return vlm.Base(model, processor, Layout.of(processor, SYSTEM), name, fingerprint="random")
