"""Forward over suffixes: owns padding, positions and the attention mask over prefix and suffix.

Does not own the prefix (`prefix`), the learned rows (`rows`), the loss (`loss`) or decoding (`answer`).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from stages.vlm.memory import move
from stages.vlm.rows import Rows

if TYPE_CHECKING:
    from stages.vlm.load import Base
    from stages.vlm.store import GrowingCache


def pad_left(rows: Sequence[Sequence[int]], fill: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Stack to (B, S) int64 on the CPU, with the mask that is 0 on padding, never in the last column."""
    length = max(map(len, rows))
    padded = torch.tensor([[fill] * (length - len(row)) + list(row) for row in rows])
    mask = torch.tensor([[0] * (length - len(row)) + [1] * len(row) for row in rows])
    return padded, mask


def hidden_states(
    base: "Base",
    ids: torch.Tensor,
    rows: Rows,
    cache: "GrowingCache",
    mask: torch.Tensor,
    photos: torch.Tensor | None = None,
) -> torch.Tensor:
    """Last hidden states of the suffix.

    Args:
        base: the model.
        ids: (B, S) int64 suffix ids, left-padded.
        rows: of the B samples.
        cache: keys and values of what came before, and where it ends; extended in place.
        mask: (B, P + S) int64 over cache and suffix, 0 on padding; no row of it is 0 over the whole cache.
        photos: (N, D) float32 image tokens for the N positions of the image token; None if there are none.

    Returns:
        (B, S, D) in the model's dtype.

    """
    embeddings = rows.embed(base, ids)
    if photos is not None:
        places = (ids == base.model.config.image_token_id).unsqueeze(-1)
        photos = move(photos, embeddings.device).to(embeddings.dtype)
        embeddings = embeddings.masked_scatter(places, photos)
    length, total = ids.shape[1], mask.shape[1]
    # Made here: transformers would look into a (B, P + S) mask, and a GPU would have to wait for that.
    order = torch.arange(total, device=mask.device)
    seen = (mask[:, None, None, :] == 1) & (order <= order[total - length :, None])  # (B, 1, S, P + S)
    blocked = torch.zeros(seen.shape, dtype=embeddings.dtype, device=mask.device)
    return base.model.model.language_model(
        inputs_embeds=embeddings,
        attention_mask=blocked.masked_fill_(~seen, -torch.inf),
        position_ids=(mask.cumsum(-1) - 1).clamp(min=0)[:, -length:] + cache.later,
        past_key_values=cache,
        use_cache=True,
    ).last_hidden_state.to(embeddings.device)
