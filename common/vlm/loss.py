"""The training loss: cross-entropy over the answers of suffixes.

Equals the plain forward pass over whole sequences (tests/unit/test_vlm_exact.py). What depends on the samples
alone is made on the CPU and copied while the device works, so that a step never waits for it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from common.vlm.forward import embed, run
from common.vlm.graph import StaticForward
from common.vlm.interleaved import image_rows
from common.vlm.kv_cache import PrefixBatch
from common.vlm.learned_rows import LearnedRows
from common.vlm.memory import to_device
from common.vlm.packing import pad_left, segment_ids_of
from common.vlm.soft_prompt import SoftPrompt
from common.vlm.suffix import IGNORE, Suffix

if TYPE_CHECKING:
    from common.vlm.load import Base


def suffix_loss(
    base: "Base",
    prefixes: PrefixBatch,
    suffixes: Sequence[Suffix],
    prompts: Sequence[SoftPrompt],
    static: StaticForward | None = None,
) -> torch.Tensor:
    """Compute the mean cross-entropy over each sample's answer tokens.

    Args:
        base: the model; it stays frozen.
        prefixes: of the B samples.
        suffixes: B suffixes with answers.
        prompts: the soft prompt of each sample's subject; samples of one subject share one object. Its rows
            may require gradients, and are then best on the model's device.
        static: runs the model on static memory; None for memory of its own each time.

    Returns:
        (B,) float32 on the model's device.

    """
    longest = max(len(suffix.ids) for suffix in suffixes)
    length = static.length(longest) if static else longest  # S
    ids = pad_left([suffix.ids for suffix in suffixes], 0, length)  # (B, S)
    segment_ids = segment_ids_of([suffix.ids for suffix in suffixes], length)
    labels = pad_left([suffix.labels for suffix in suffixes], IGNORE, length)
    samples, before = (labels[:, 1:] != IGNORE).nonzero(as_tuple=True)  # (N,): the positions that predict
    targets = labels[samples, before + 1]
    positions = samples * ids.shape[1] + before
    lengths = samples.bincount(minlength=len(suffixes))
    device = base.device
    ids, segment_ids, samples, targets, positions, lengths = (
        to_device(tensor, device) for tensor in (ids, segment_ids, samples, targets, positions, lengths)
    )
    rows = LearnedRows.of(base, [(prompt,) for prompt in prompts])
    embeddings = embed(base, ids, rows, image_rows([suffix.photos for suffix in suffixes], prefixes))
    if static:
        hidden = static(embeddings, prefixes, segment_ids)  # (B, S, D)
    else:
        hidden = run(base, embeddings, prefixes.cache(), torch.cat([prefixes.attention_mask, segment_ids], 1))
    answers = hidden.flatten(0, 1).index_select(0, positions)  # (N, D)
    losses = F.cross_entropy(rows.select(samples).logits(base, answers), targets, reduction="none")
    return losses.new_zeros(len(suffixes)).index_add(0, samples, losses) / lengths
