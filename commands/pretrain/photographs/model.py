"""The weights that are learned: projector and Llama, how they start, and how they become one model.

The tower is frozen, so it is not part of this; its tokens come from `looks`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from transformers import (
    FastVlmForConditionalGeneration,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)
from transformers.models.llama.modeling_llama import LlamaAttention, LlamaMLP

from commands.pretrain.photographs import export
from commands.pretrain.photographs.settings import Comparison
from commands.pretrain.projector import Projector

COMPARING = 3  # layers, the first


class Channels:
    """Which channels of a width D hold what in the layers that compare.

    `match` is that of a reference token; at words, which match nothing, it may hold the verdict.
    """

    def __init__(self, width: int, content: int):
        self.content = range(content)  # of a token itself
        self.pooled = range(content, 2 * content)  # the mean of the photo's content, at image tokens
        self.beside = range(2 * content, width - 7)  # further content, which is not compared
        self.reserved = range(width - 7, width)
        self.own, self.fetched, self.match, self.photo, self.word, self.line, self.reference = self.reserved


def new_llama(tokenizer: PreTrainedTokenizerFast, sizes: dict) -> LlamaForCausalLM:
    """New weights: initial range near 1/sqrt(width), additions to the residual stream halved."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=True,
        **sizes,
    )
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight /= 2
            layer.mlp.down_proj.weight /= 2
    return model


def begin(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    laid: Comparison,
) -> None:
    """Let a model compare photos from the start, given the projector of `new_projector`.

    Recognition by reference does not come by itself in a model of this size (it stayed at chance), so the way
    to it is laid into the first layers, which hold nothing yet:
    1. image tokens that follow a line's end are marked: the photo stands before it, references behind it;
    2. heads average the photo's tokens, and pairs of SwiGLU units multiply a token's own content with that
       average, silu(a)b + silu(-a)(-b) = ab, so that references hold how well they match the photo;
    3. one head carries that to the words that follow, another how well the photo matches itself; then most of
       the photo's mark is taken away, or norms would leave little of the content beside it.
    What is laid stays (see `FrozenComparison`); the other layers, embeddings and head are trained.

    Args:
        model: is changed in place.
        tokenizer: tells which token ends a line.
        laid: sizes of the comparison.

    """
    channels = Channels(model.config.hidden_size, laid.channels)
    with torch.no_grad():
        words = model.get_input_embeddings().weight
        words[:, channels.reserved] = 0
        words[:, channels.word] = laid.word_mark
        words[tokenizer.encode("\n", add_special_tokens=False), channels.line] = laid.word_mark
        _compare(model, channels, laid)


@torch.no_grad()
def new_projector(laid: Comparison, directions: Tensor, tokens: Tensor) -> Projector:
    """Return a projector that takes directions of centered tokens, all equally strong, and marks photos.

    Args:
        laid: sizes of the comparison.
        directions: (vision, D) float32, of tower tokens.
        tokens: (n, vision) float32, some of the tower's tokens.

    """
    vision, width = directions.shape
    with torch.random.fork_rng():  # nothing here is random
        projector = Projector(vision, width)
    channels = Channels(width, laid.channels)
    mean, spread = tokens.mean(0), laid.spread * laid.linear_at
    weight = directions.T * (spread / ((tokens - mean) @ directions).std(0)).unsqueeze(1)
    projector.linear_1.weight.copy_(weight)
    projector.linear_1.bias.copy_(laid.linear_at - weight @ mean)
    gain = laid.content / spread
    projector.linear_2.weight.zero_()
    projector.linear_2.bias.zero_()
    for direction, channel in enumerate((*channels.content, *channels.beside)):
        projector.linear_2.weight[channel, direction] = gain
        projector.linear_2.bias[channel] = -gain * laid.linear_at
    projector.linear_2.bias[channels.photo] = laid.photo_mark
    return projector


def _compare(model: LlamaForCausalLM, channels: Channels, laid: Comparison) -> None:
    """Lay the way from a reference's tokens and the photo's mean to how well they match."""
    marking, matching, carrying = model.model.layers[:COMPARING]
    for layer in (marking, matching, carrying):  # nothing else is written, or it would drown what is
        layer.self_attn.o_proj.weight.zero_()
        layer.mlp.down_proj.weight.zero_()
    photo, word, reference = channels.photo, channels.word, channels.reference
    _look(marking.self_attn, 0, {photo: 1, word: -1}, {channels.line: 1}, laid.looking.marking)
    _carry(marking.self_attn, 0, channels.line, reference, laid.reference_mark)
    mlp, wide = matching.mlp, model.config.head_dim
    shared = matching.self_attn.num_key_value_groups  # query heads that share a key and value head
    for head in range(-(-len(channels.content) // wide)):
        _look(
            matching.self_attn, head, {photo: 1, word: -1}, {photo: 1, reference: -1}, laid.looking.matching
        )
        matching.self_attn.v_proj.weight[head * wide : (head + 1) * wide] = 0
    for slot, (content, pooled) in enumerate(zip(channels.content, channels.pooled, strict=True)):
        matching.self_attn.v_proj.weight[slot, content] = 1
        column = slot // wide * wide * shared + slot % wide
        matching.self_attn.o_proj.weight[pooled, column] = laid.pooled
        for unit, sign in ((2 * slot, 1), (2 * slot + 1, -1)):
            mlp.gate_proj.weight[unit] = 0
            mlp.gate_proj.weight[unit, content] = sign
            mlp.up_proj.weight[unit] = 0
            mlp.up_proj.weight[unit, pooled] = sign
            mlp.down_proj.weight[channels.match, unit] = laid.match
    looks = ((channels.fetched, {reference: 1.5, photo: -0.5}), (channels.own, {photo: 1, reference: -1}))
    for head, (channel, sought) in enumerate(looks):
        _look(carrying.self_attn, head, {word: 1}, sought, laid.looking.carrying)
        _carry(carrying.self_attn, head, channels.match, channel, laid.fetched)
    # A norm makes the mark far larger than 1, where silu(x)x is its square.
    width = len(carrying.mlp.gate_proj.weight[0])
    height = math.sqrt(width / (1 + len(channels.content) * (laid.content / laid.photo_mark) ** 2))
    for matrix in (carrying.mlp.gate_proj, carrying.mlp.up_proj):
        matrix.weight[0] = 0
        matrix.weight[0, photo] = 1
    carrying.mlp.down_proj.weight[photo, 0] = -laid.fading * laid.photo_mark / height**2


def _look(
    attention: LlamaAttention, head: int, asking: dict[int, float], sought: dict[int, float], strength: float
) -> None:
    """Make a head of keys, and the first that asks it, attend from tokens with some channels to others.

    At any distance: of the two numbers that hardly rotate with it, the first is used.
    """
    wide, shared = attention.head_dim, attention.num_key_value_groups
    for matrix, number, channels in (
        (attention.q_proj, head * shared, asking),
        (attention.k_proj, head, sought),
    ):
        matrix.weight[number * wide : (number + 1) * wide] = 0
        for channel, sign in channels.items():
            matrix.weight[number * wide + wide // 2 - 1, channel] = sign * strength


def _carry(attention: LlamaAttention, head: int, source: int, target: int, size: float) -> None:
    """Make a head write the `source` channel of what it attends to into `target`, and nothing else."""
    wide = attention.head_dim
    attention.v_proj.weight[head * wide : (head + 1) * wide] = 0
    attention.v_proj.weight[head * wide, source] = 1
    queries = head * attention.num_key_value_groups * wide
    attention.o_proj.weight[:, queries : queries + wide] = 0
    attention.o_proj.weight[target, queries] = size


def connector(llama: LlamaForCausalLM) -> LlamaMLP:
    """Return the MLP that makes of image tokens what a published language model reads."""
    return llama.model.layers[COMPARING - 1].mlp


class FrozenComparison:
    """What training leaves as it is: the projector, the layers that compare, and the marks of words.

    Optimizers would wear them down: Muon changes every direction of a matrix alike, and what is written
    beside them grows until nothing is left of a comparison that is not asked for yet.
    """

    def __init__(self, model: LlamaForCausalLM, projector: Projector, channels: Channels):
        for part in (projector, *model.model.layers[:COMPARING]):
            part.requires_grad_(False)
        self.words, self.reserved = model.get_input_embeddings().weight, channels.reserved
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
