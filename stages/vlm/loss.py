"""The training loss over suffixes, from cached prefixes: owns which positions are scored and the averaging.

Equal to the loss of the plain forward over the whole sequence, and so are its gradients, for nothing that is
learned comes before the suffix (tests/unit/test_vlm_exact.py). Does not own the optimizer.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from stages.vlm.layout import IGNORE, Suffix
from stages.vlm.prefix import PrefixBatch
from stages.vlm.splice import extended_logits, hidden_states, pad_left

if TYPE_CHECKING:
    from stages.vlm.load import Base


def suffix_loss(
    base: "Base",
    prefixes: PrefixBatch,
    suffixes: Sequence[Suffix],
    embeddings: torch.Tensor,
    output_row: torch.Tensor,
) -> torch.Tensor:
    """Mean cross-entropy over each sample's answer tokens.

    Args:
        base: the model; it stays frozen.
        prefixes: of the B samples.
        suffixes: B suffixes with answers, about one subject.
        embeddings: (k+1, D) float32, may require gradients.
        output_row: (1, D) float32, may require gradients.

    Returns:
        (B,) float32.

    """
    ids, mask = pad_left([suffix.ids for suffix in suffixes], 0, base.device)  # (B, S)
    labels, _ = pad_left([suffix.labels for suffix in suffixes], IGNORE, base.device)
    mask = torch.cat([prefixes.mask, mask], 1)  # (B, P + S)
    hidden = hidden_states(base, ids, embeddings, prefixes.cache(), mask)  # (B, S, D)
    targets = labels[:, 1:]
    scored = targets != IGNORE
    logits = extended_logits(base, hidden[:, :-1][scored], output_row)  # (N, V + 1): answer positions only
    losses = F.cross_entropy(logits, targets[scored], reduction="none")
    by_sample = torch.zeros(targets.shape, device=losses.device).masked_scatter(scored, losses)
    return by_sample.sum(1) / scored.sum(1)
