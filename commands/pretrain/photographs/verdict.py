"""The verdict: how well photo and reference match, told to the words behind them, as yes or no.

The layers that compare leave a number in one channel out of hundreds. To find it and to learn where yes
begins took a new language model long, and low-rank changes of a published one never did. So the last of these
layers makes a ramp of that number, from no to yes, and tells it: in a channel of its own at every word, or,
in the language of SmolLM2, along what tells the word embedding of "Yes" from that of "No", at the line's end
before an answer. What follows from it is learned: most questions are about something else.
"""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from commands.pretrain.photographs.model import Channels, connector
from commands.pretrain.photographs.settings import Comparison, Verdict

UNITS = 3  # of the connector, its last


def tell(llama: LlamaForCausalLM, laid: Comparison, verdict: Verdict) -> None:
    """Write the verdict into a channel of words, for a new language model; changed in place."""
    channels, words = Channels(llama.config.hidden_size, laid.channels), llama.get_input_embeddings().weight
    target = torch.zeros(llama.config.hidden_size)
    target[channels.match] = verdict.size
    _write(llama, channels, channels.word, words, target, verdict)


@torch.no_grad()
def tell_in_words(
    llama: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, laid: Comparison, verdict: Verdict
) -> None:
    """Write the verdict in words at the end of a line, for SmolLM2; changed in place.

    `tokenizer` tells "Yes" and "No", the first token of each.
    """
    channels, words = Channels(llama.config.hidden_size, laid.channels), llama.get_input_embeddings().weight
    yes, no, line = (
        words[tokenizer.encode(word, add_special_tokens=False)[0]] for word in ("Yes", "No", "\n")
    )
    target = (yes - no) * verdict.size
    target[list(channels.reserved)] = 0
    _write(llama, channels, channels.line, line.unsqueeze(0), target, verdict)


@torch.no_grad()
def _write(
    llama: LlamaForCausalLM, channels: Channels, mark: int, marked: Tensor, target: Tensor, verdict: Verdict
) -> None:
    """Write silu(s(x - low)) - silu(s(x - high)) - half, a ramp, times the mark of where it is told.

    Args:
        llama: whose connector is changed in place.
        channels: which channels hold what.
        mark: the channel of those words.
        marked: (n, D), embeddings of such words, for what the norm before the connector makes of their mark.
        target: (D,), what is added for yes, and taken away for no.
        verdict: where the ramp begins and ends, and its height.

    """
    height = (marked[:, mark] / marked.square().mean(1).sqrt()).mean()
    gates, ups, downs = parts(llama)
    for part in (gates, ups, downs):
        part.zero_()
    ups[:, mark] = torch.tensor([1, 1, 0.5]) / height
    steep = verdict.steepness / (verdict.high - verdict.low)
    for unit, start in ((0, verdict.low), (1, verdict.high)):
        gates[unit, channels.fetched] = steep
        gates[unit, mark] = -steep * start / height
    gates[2, mark] = verdict.steepness / height
    signs = torch.tensor([1.0, -1.0, -1.0])
    downs.copy_(torch.outer(target, signs) * 2 / verdict.steepness)


def parts(llama: LlamaForCausalLM) -> tuple[Tensor, Tensor, Tensor]:
    """Return views of the units' weights: gates (3, D), ups (3, D) and downs (D, 3)."""
    mlp = connector(llama)
    return (
        mlp.gate_proj.weight.data[-UNITS:],
        mlp.up_proj.weight.data[-UNITS:],
        mlp.down_proj.weight.data[:, -UNITS:],
    )
