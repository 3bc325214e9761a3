"""MiniGPT-v2 of transformers' classes: BLIP-2's EVA tower, one linear map, a Llama.

Chen et al. 2023, section 2: the tower sees 448 pixels squared, and each four neighboring tokens of a row are
joined and mapped to one, 256 in all. transformers has no such model; what is added to its LLaVA is the map.
Its chat template is the published one; published checkpoints become such models by `commands.minigpt_v2`.
"""

from typing import Any

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForImageTextToText,
    Blip2VisionConfig,
    Blip2VisionModel,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaModel,
)
from transformers.modeling_outputs import BaseModelOutputWithPooling

JOINED = 4  # neighboring tokens of the tower that become one
IMAGE_TOKEN = "<ImageHere>"
# The space after the photo stands for the piece with which the published code begins what follows it.
CHAT_TEMPLATE = (
    "{% for message in messages %}{% set turn = loop.index0 - (messages[0]['role'] == 'system') %}"
    "{% set texts = message['content'] | selectattr('type', 'equalto', 'text') | map(attribute='text') %}"
    "{% set text = texts | join(' ') %}"
    "{% if message['role'] == 'system' %}{{ text + ' ' }}"
    "{% elif message['role'] == 'user' %}{{ bos_token if turn else '' }}{{ '[INST] ' }}"
    "{% for part in message['content'] if part['type'] == 'image' %}"
    "{{ '<Img><ImageHere> </Img> ' }}{% endfor %}{{ text + ' [/INST]' }}"
    "{% else %}{{ ' ' + text + eos_token }}{% endif %}{% endfor %}"
)


class MiniGPTv2Config(LlavaConfig):
    """A LLaVA's, with a vision_config of BLIP-2's tower."""

    model_type = "minigpt_v2"


class JoiningProjector(nn.Module):
    """One linear map of four neighboring tokens."""

    def __init__(self, config: MiniGPTv2Config) -> None:
        """Take the widths of tower and language model from the config."""
        super().__init__()
        self.linear = nn.Linear(JOINED * config.vision_config.hidden_size, config.text_config.hidden_size)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Map (B, P, C) of the tower, P a multiple of four, to (B, P / 4, D), both in the model's dtype."""
        return self.linear(tokens.unflatten(1, (-1, JOINED)).flatten(2))


class MiniGPTv2Model(LlavaModel):
    """LLaVA's, but for what becomes of the tower's tokens."""

    config: MiniGPTv2Config

    def __init__(self, config: MiniGPTv2Config) -> None:
        """Put the projector in the place of LLaVA's."""
        super().__init__(config)
        self.multi_modal_projector = JoiningProjector(config)
        self.vision_tower.post_layernorm.eps = 1e-5  # that of its blocks is 1e-6
        self.post_init()

    def get_image_features(self, pixel_values: torch.Tensor, **_: Any) -> BaseModelOutputWithPooling:
        """Project the normed tokens of the tower's last block, without the class token.

        pixel_values: (B, 3, side, side) in the model's dtype. As LLaVA's, `pooler_output` is a list of B
        tensors (P, D) in the model's dtype.
        """
        seen = self.vision_tower(pixel_values)
        seen.pooler_output = list(self.multi_modal_projector(seen.last_hidden_state[:, 1:]))
        return seen


class MiniGPTv2ForConditionalGeneration(LlavaForConditionalGeneration):
    """LLaVA's, around `MiniGPTv2Model`."""

    config: MiniGPTv2Config

    def __init__(self, config: MiniGPTv2Config) -> None:
        """Make its parts; LLaVA's own constructor would make those of LLaVA."""
        super(LlavaForConditionalGeneration, self).__init__(config)
        self.model = MiniGPTv2Model(config)
        self.lm_head = nn.Linear(config.text_config.hidden_size, config.text_config.vocab_size, bias=False)
        self.post_init()


def register() -> None:
    """Tell transformers' Auto classes, so that folders of such models load as any others."""
    AutoConfig.register(MiniGPTv2Config.model_type, MiniGPTv2Config, exist_ok=True)
    AutoModel.register(Blip2VisionConfig, Blip2VisionModel, exist_ok=True)
    AutoModelForImageTextToText.register(MiniGPTv2Config, MiniGPTv2ForConditionalGeneration, exist_ok=True)
