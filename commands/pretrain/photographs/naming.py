"""Names of things, laid into the connector: what the tower's classifier knows and no caption says.

A language model that sees objects in training only as directions put into photos of dogs and people learns
what these look like, and takes a real teapot for a dog. So the connector reads of each image token how far it
stands out, among tokens of captioned photos, in the direction of each kind; where that is far, it writes the
kind's word embedding. To say what is written there is learned, and what real things write is what the
classifier knows of them.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from commands.pretrain.photographs.model import Channels, connector
from commands.pretrain.photographs.settings import Comparison, Naming
from commands.pretrain.projector import Projector

FIRST = 1  # of the connector's units that names take


@torch.no_grad()
def lay_names(
    llama: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    projector: Projector,
    laid: Comparison,
    naming: Naming,
    kinds: Mapping[str, Tensor],
    tokens: Tensor,
) -> None:
    """Write silu(s(z - threshold)), a unit for each kind, times the first token of its word.

    z is how many standard deviations above the mean of `tokens` a token's logit of the kind is, as far as its
    content holds that.

    Args:
        llama: whose connector is changed in place.
        tokenizer: of its words.
        projector: before it, a linear map where tokens are as those of photos.
        laid: sizes of the comparison.
        naming: sizes of what is written.
        kinds: name → (vision,) float32 weights of the tower's classifier, less those of all classes.
        tokens: (n, vision) float32, some of the tower's tokens.

    """
    channels = Channels(llama.config.hidden_size, laid.channels)
    content, mlp = list(channels.content), connector(llama)
    seen = projector(tokens)[:, content]
    weights = torch.stack(list(kinds.values())).T  # (vision, kinds)
    read = torch.linalg.lstsq(_linear(projector, content).T, weights).solution.T
    logits = seen @ read.T
    read, mean = read / logits.std(0).unsqueeze(1), logits.mean(0) / logits.std(0)
    # The norm before the connector divides all channels of an image token alike.
    norm = (laid.photo_mark**2 + seen.square().sum(1).mean()).div(llama.config.hidden_size).sqrt()
    units = slice(FIRST, FIRST + len(kinds))
    for matrix in (mlp.gate_proj.weight, mlp.up_proj.weight):
        matrix[units] = 0
    mlp.gate_proj.weight[units, : len(content)] = naming.steepness * norm * read
    mlp.gate_proj.weight[units, channels.photo] = (
        -naming.steepness * norm * (mean + naming.threshold) / laid.photo_mark
    )
    mlp.up_proj.weight[units, channels.photo] = norm / laid.photo_mark
    words = [tokenizer.encode(f" {kind}", add_special_tokens=False)[0] for kind in kinds]
    written = llama.get_input_embeddings().weight[words] * naming.size / naming.steepness
    written[:, list(channels.reserved)] = 0
    mlp.down_proj.weight[:, units] = written.T


def _linear(projector: Projector, channels: list[int]) -> Tensor:
    """The projector as a linear map to some channels, (len(channels), vision)."""
    return projector.linear_2.weight[channels] @ projector.linear_1.weight
