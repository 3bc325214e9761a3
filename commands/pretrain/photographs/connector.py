"""The connector: how image tokens start as what a language model reads, words of what the photo shows.

It is the SwiGLU of the last layer that compares. Half of it is a linear map at first, in closed form, from a
photo's content to the word embeddings of its captions; training goes on from there.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from transformers import LlamaForCausalLM

from commands.pretrain.photographs.model import Channels, connector
from commands.pretrain.photographs.settings import Comparison
from commands.pretrain.photographs.verdict import UNITS
from commands.pretrain.projector import Projector

BATCH = 500  # photos
RIDGE = 0.1  # of the features' variance


@torch.no_grad()
def align(
    llama: LlamaForCausalLM,
    projector: Projector,
    laid: Comparison,
    tokens: np.ndarray,
    captions: list[list[int]],
) -> None:
    """Let the connector say of each image token, in embeddings, what captions of such photos say.

    Args:
        llama: whose connector is changed in place.
        projector: before it.
        laid: sizes of the comparison.
        tokens: (n, 49, vision) float16, the tower's tokens of n photos.
        captions: ids of all words of each photo's captions.

    """
    parts = [
        torch.from_numpy(tokens[start : start + BATCH]).float() for start in range(0, len(tokens), BATCH)
    ]
    seen = torch.cat([_normalized(projector(part)) for part in parts])
    words = llama.get_input_embeddings().weight
    rarity = _rarity(captions, len(words))
    wanted = torch.stack([_content(ids, rarity) @ words for ids in captions])
    features, mean = seen.mean(1), seen.mean((0, 1))
    centered, said = features - mean, wanted - wanted.mean(0)
    gram = centered.T @ centered
    ridge = RIDGE * gram.trace() / len(gram) * torch.eye(len(gram))
    linear = torch.linalg.solve(gram + ridge, centered.T @ said).T  # (D, D)
    # A token is to stand out among others as much as a word does.
    spread = ((seen.flatten(0, 1)[::7] - mean) @ linear.T).std(0).mean()
    linear *= (words - words.mean(0)).std(0).mean() / spread
    _write(llama, laid, linear, wanted.mean(0) - linear @ mean)


def _write(llama: LlamaForCausalLM, laid: Comparison, linear: Tensor, bias: Tensor) -> None:
    """Write `linear` x + `bias` into pairs of units: silu(a)b + silu(-a)(-b) = ab, b being the photo's mark.

    Words have no such mark, so nothing is added to them.
    """
    mlp, width = connector(llama), llama.config.hidden_size
    channels = Channels(width, laid.channels)
    size = laid.photo_mark / (laid.photo_mark**2 / width + laid.content**2) ** 0.5  # of the mark, normalized
    own = [channel for channel in range(width) if channel not in channels.reserved]
    for slot, channel in enumerate(own):
        for unit, sign in ((2 * slot, 1), (2 * slot + 1, -1)):
            if unit >= len(mlp.gate_proj.weight) - UNITS:
                return
            mlp.gate_proj.weight[unit] = sign * linear[channel]
            mlp.gate_proj.weight[unit, channels.photo] += sign * bias[channel] / size
            mlp.up_proj.weight[unit] = 0
            mlp.up_proj.weight[unit, channels.photo] = sign / size
            mlp.down_proj.weight[channel, unit] = 1


def _normalized(tokens: Tensor) -> Tensor:
    return tokens * tokens.square().mean(-1, keepdim=True).rsqrt()


def _rarity(captions: list[list[int]], size: int) -> Tensor:
    """How rare each id is among the photos, (size,) float32: the logarithm of one in so many."""
    counts = torch.zeros(size)
    for ids in captions:
        counts[list(set(ids))] += 1
    return torch.log(len(captions) / counts.clamp(min=1)) * (counts > len(captions) / 1000)


def _content(ids: list[int], rarity: Tensor) -> Tensor:
    """Weights (V,) of the words of a photo's captions, which sum to one: how often, times how rare."""
    counts = torch.bincount(torch.tensor(ids), minlength=len(rarity)) * rarity
    return counts / counts.sum().clamp(min=1e-6)
