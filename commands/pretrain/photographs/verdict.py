"""The verdict: how well photo and reference match, told where an answer starts, in words that SmolLM2 knows.

The layers that compare leave a number in one channel out of hundreds, and low-rank changes did not find it in
a hundred steps. So the last of these layers adds to the line's end before an answer what tells the word
embedding of "Yes" from that of "No", forward or backward, as the number is high or low. What follows from it
is learned: most questions are about something else.
"""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from commands.pretrain.photographs.model import Channels, connector
from commands.pretrain.photographs.settings import Comparison, Verdict

UNITS = 3  # of the connector, its last


@torch.no_grad()
def write_verdict(
    llama: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, laid: Comparison, verdict: Verdict
) -> None:
    """Write silu(s(x - low)) - silu(s(x - high)) - half, a ramp, times the mark of a line's end.

    Args:
        llama: whose connector is changed in place.
        tokenizer: tells "Yes" and "No", the first token of each.
        laid: sizes of the comparison.
        verdict: where the ramp begins and ends, and its height.

    """
    channels = Channels(llama.config.hidden_size, laid.channels)
    words = llama.get_input_embeddings().weight
    yes, no, line = (
        words[tokenizer.encode(word, add_special_tokens=False)[0]] for word in ("Yes", "No", "\n")
    )
    mark = line[channels.line] / line.square().mean().sqrt()  # what the norm before the connector makes of it
    gates, ups, downs = parts(llama)
    for part in (gates, ups, downs):
        part.zero_()
    ups[:, channels.line] = torch.tensor([1, 1, 0.5]) / mark
    steep = verdict.steepness / (verdict.high - verdict.low)
    for unit, start in ((0, verdict.low), (1, verdict.high)):
        gates[unit, channels.fetched] = steep
        gates[unit, channels.line] = -steep * start / mark
    gates[2, channels.line] = verdict.steepness / mark
    signs = torch.tensor([1.0, -1.0, -1.0])
    downs.copy_(torch.outer(yes - no, signs) * 2 * verdict.size / verdict.steepness)
    downs[list(channels.reserved)] = 0


def parts(llama: LlamaForCausalLM) -> tuple[Tensor, Tensor, Tensor]:
    """Return views of the units' weights: gates (3, D), ups (3, D) and downs (D, 3)."""
    mlp = connector(llama)
    return (
        mlp.gate_proj.weight.data[-UNITS:],
        mlp.up_proj.weight.data[-UNITS:],
        mlp.down_proj.weight.data[:, -UNITS:],
    )
