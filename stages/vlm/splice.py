"""Forward over suffixes: owns splicing learned rows into the input and appending the learned logit.

Ids from V on name learned rows: V + r is row r. Does not own the prefix (`prefix`), the loss (`loss`) or
decoding (`answer`).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from transformers import DynamicCache

    from stages.vlm.load import Base


def pad_left(
    rows: Sequence[Sequence[int]], fill: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Stack to (B, S), with the mask that is 0 on padding; the last column holds every row's last entry."""
    length = max(map(len, rows))
    padded = torch.tensor([[fill] * (length - len(row)) + list(row) for row in rows])
    mask = torch.tensor([[0] * (length - len(row)) + [1] * len(row) for row in rows])
    return padded.to(device), mask.to(device)


def hidden_states(
    base: "Base", ids: torch.Tensor, rows: torch.Tensor | None, cache: "DynamicCache", mask: torch.Tensor
) -> torch.Tensor:
    """Last hidden states of the suffix.

    Args:
        base: the model.
        ids: (B, S) suffix ids, left-padded.
        rows: (R, D) float32 learned rows, or None where no id is ≥ V.
        cache: keys and values of what came before; extended in place.
        mask: (B, P + S) over cache and suffix, 0 on padding. Always passed: without one, transformers takes
            positions with gaps for packed sequences and cuts attention silently.

    Returns:
        (B, S, D) in the model's dtype.

    """
    embeddings = base.model.get_input_embeddings()(ids.clamp(max=base.vocab_size - 1))
    if rows is not None:
        learned = F.embedding((ids - base.vocab_size).clamp(min=0), rows).to(embeddings.dtype)
        embeddings = torch.where((ids >= base.vocab_size).unsqueeze(-1), learned, embeddings)
    positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, -ids.shape[1] :]
    return base.model.model.language_model(
        inputs_embeds=embeddings,
        attention_mask=mask,
        position_ids=positions,
        past_key_values=cache,
        use_cache=True,
    ).last_hidden_state


def extended_logits(base: "Base", hidden: torch.Tensor, output_rows: torch.Tensor) -> torch.Tensor:
    """Logits over the vocabulary and the identifier.

    Args:
        base: the model.
        hidden: (N, D).
        output_rows: (N, D) or (1, D) float32, the identifier's output row of each hidden state.

    Returns:
        (N, V + 1) float32; the last column is the identifier's.

    """
    plain = base.model.lm_head(hidden).float()
    own = (hidden.float() * output_rows).sum(-1, keepdim=True)
    return torch.cat([plain, own], -1)
