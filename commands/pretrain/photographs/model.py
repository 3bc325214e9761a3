"""The weights that are learned: projector and Llama, how they start, and how they become one model.

The tower is frozen, so it is not part of this; its tokens come from `looks`.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from transformers import (
    FastVlmForConditionalGeneration,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)
from transformers.models.llama.modeling_llama import LlamaAttention

from commands.pretrain.photographs import export
from commands.pretrain.photographs.settings import Comparison, Heads
from commands.pretrain.projector import Projector

LAYERS = 2  # that compare


class Places:
    """Which channels of a width D hold what in the layers that compare."""

    def __init__(self, width: int):
        half = (width - 16) // 2
        self.content = range(half)  # of a token itself
        self.pooled = range(half, 2 * half)  # the mean of the photo's content, at every token after it
        self.own, self.fetched, self.match, self.photo, self.word = range(width - 5, width)
        self.reserved = [self.own, self.fetched, self.match, self.photo, self.word]


def begin(
    tokenizer: PreTrainedTokenizerFast,
    sizes: dict,
    laid: Comparison,
    directions: np.ndarray,
    tokens: np.ndarray,
) -> tuple[LlamaForCausalLM, Projector]:
    """New weights that compare photos from the start.

    Initial range near 1/sqrt(width), additions to the residual stream halved. Recognition by reference does
    not come by itself in a model of this size (it stayed at chance), so the way to it is laid: in the first
    layer some heads average the photo's tokens and pairs of SwiGLU units multiply a token's own content with
    that average, silu(a)b + silu(-a)(-b) = ab, so that a reference's tokens hold how well they match the
    photo; heads of the second layer carry that to the words that follow, beside how well the photo's own
    tokens match it. What is laid stays (see `FrozenComparison`); all else is trained.

    Args:
        tokenizer: decides the vocabulary.
        sizes: of LlamaConfig.
        laid: sizes of the comparison.
        directions: (vision, D) float32, the directions of tower tokens that the projector takes.
        tokens: (n, vision) float32, some of the tower's tokens.

    """
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=True,
        **sizes,
    )
    model, places = LlamaForCausalLM(config), Places(config.hidden_size)
    projector = Projector(len(directions), config.hidden_size)
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight /= 2
            layer.mlp.down_proj.weight /= 2
        words = model.get_input_embeddings().weight
        words[:, [places.own, places.fetched, places.match, places.photo]] = 0
        words[:, places.word] = laid.word_mark
        _project(projector, places, laid, torch.from_numpy(directions), torch.from_numpy(tokens))
        _compare(model, places, laid, config)
    return model, projector


def _project(
    projector: Projector, places: Places, laid: Comparison, directions: Tensor, tokens: Tensor
) -> None:
    """Make the projector `directions` of centered tokens, all equally strong, plus the mark of photos."""
    mean, spread = tokens.mean(0), laid.spread * laid.linear_at
    weight = directions.T * (spread / ((tokens - mean) @ directions).std(0)).unsqueeze(1)
    projector.linear_1.weight.copy_(weight)
    projector.linear_1.bias.copy_(laid.linear_at - weight @ mean)
    gain = laid.content / spread
    projector.linear_2.weight.zero_()
    projector.linear_2.bias.zero_()
    for channel in places.content:
        projector.linear_2.weight[channel, channel] = gain
        projector.linear_2.bias[channel] = -gain * laid.linear_at
    projector.linear_2.bias[places.photo] = laid.photo_mark


def _compare(model: LlamaForCausalLM, places: Places, laid: Comparison, config: LlamaConfig) -> None:
    """Lay the way from a reference's tokens and the photo's mean to how well they match."""
    for layer in model.model.layers[:LAYERS]:  # nothing else is written there, or it would drown what is
        layer.self_attn.o_proj.weight.zero_()
        layer.mlp.down_proj.weight.zero_()
    first, second = (layer.self_attn for layer in model.model.layers[:LAYERS])
    mlp, wide = model.model.layers[0].mlp, config.head_dim
    slots = len(places.content)
    heads = -(-slots // wide)
    first.v_proj.weight[: heads * wide] = 0
    for head in range(heads):
        _look_at_photos(first, head, places, {places.photo: 1, places.word: -1}, laid.far, far=True)
    for slot in range(slots):
        first.v_proj.weight[slot, places.content[slot]] = 1
        first.o_proj.weight[places.pooled[slot], slot] = laid.pooled
        for unit, sign in ((2 * slot, 1), (2 * slot + 1, -1)):
            mlp.gate_proj.weight[unit] = 0
            mlp.gate_proj.weight[unit, places.content[slot]] = sign
            mlp.up_proj.weight[unit] = 0
            mlp.up_proj.weight[unit, places.pooled[slot]] = sign
            mlp.down_proj.weight[places.match, unit] = laid.match
    first.v_proj.weight[heads * wide - 1, places.photo] = 1
    first.o_proj.weight[places.photo, heads * wide - 1] = -laid.fading
    for head, channel in enumerate((places.fetched, places.own)):
        _look_at_photos(second, head, places, {places.word: 1}, laid.near, far=channel == places.own)
        second.v_proj.weight[head * wide : (head + 1) * wide] = 0
        second.v_proj.weight[head * wide, places.match] = 1
        second.o_proj.weight[channel, head * wide] = laid.fetched


def _look_at_photos(
    attention: LlamaAttention,
    head: int,
    places: Places,
    asking: dict[int, int],
    heads: Heads,
    *,
    far: bool,
) -> None:
    """Make one head attend to image tokens alone, to near ones or to far ones.

    One channel of queries and keys hardly rotates with the distance; the other does, by about `heads.speed`
    radians a token.
    """
    wide = attention.head_dim
    rows = slice(head * wide, (head + 1) * wide)
    for matrix in (attention.q_proj, attention.k_proj):
        matrix.weight[rows] = 0
    speeds = attention.config.rope_parameters["rope_theta"] ** -(torch.arange(wide // 2) * 2 / wide)
    turned = int((speeds - heads.speed).abs().argmin())
    for channel, factor in ((wide // 2 - 1, 1.0), (turned, -heads.turning if far else heads.turning)):
        for mark, sign in asking.items():
            attention.q_proj.weight[rows][channel, mark] = sign * factor * heads.strength
        attention.k_proj.weight[rows][channel, places.photo] = heads.strength


class FrozenComparison:
    """What training leaves as it is: the projector, the two layers that compare, and the marks of words.

    Optimizers would wear them down: Muon changes every direction of a matrix alike, and what is written
    beside them grows until nothing is left of a comparison that is not asked for yet.
    """

    def __init__(self, model: LlamaForCausalLM, projector: Projector):
        for part in (projector, *model.model.layers[:LAYERS]):
            part.requires_grad_(False)
        self.words = model.get_input_embeddings().weight
        self.reserved = Places(model.config.hidden_size).reserved
        self.marks = self.words.detach()[:, self.reserved].clone()

    @torch.no_grad()
    def restore(self) -> None:
        """Put the marks back, after a step."""
        self.words[:, self.reserved] = self.marks


def assemble(
    tokenizer: PreTrainedTokenizerFast, llama: LlamaForCausalLM, projector: Projector
) -> FastVlmForConditionalGeneration:
    """Tower, projector and Llama as one model."""
    config = LlamaConfig(**llama.config.to_diff_dict() | {"tie_word_embeddings": False})
    model = export.build(tokenizer, config)
    model.model.multi_modal_projector.load_state_dict(projector.state_dict())
    model.model.language_model.load_state_dict(llama.model.state_dict())
    model.lm_head.load_state_dict(llama.lm_head.state_dict())
    return model
