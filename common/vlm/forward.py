"""The forward pass over suffixes, with positions and attention mask over prefix and suffix."""

import math
from typing import TYPE_CHECKING

import torch

from common.vlm.learned_rows import LearnedRows
from common.vlm.memory import to_device
from common.vlm.packing import attention_mask

if TYPE_CHECKING:
    from common.vlm.kv_cache import PrefixKVCache
    from common.vlm.load import Base


def hidden_states(
    base: "Base",
    ids: torch.Tensor,
    rows: LearnedRows,
    cache: "PrefixKVCache",
    segment_ids: torch.Tensor,
    photos: torch.Tensor | None = None,
    samples: torch.Tensor | None = None,
) -> torch.Tensor:
    """Compute the last hidden states of the suffix.

    Args:
        base: the model.
        ids: (B, S) int64 suffix ids, left-padded.
        rows: of the samples.
        cache: keys and values of what came before, and where it ends; extended in place.
        segment_ids: (B, P + S) int64 over cache and suffix, as `packing` has it; no row of it is padding, or
            seen by some alone, over the whole cache.
        photos: (N, D) float32 image tokens for the N positions of the image token; None if there are none.
        samples: (B, S) int64, the sample that a position belongs to; None where each has a row.

    Returns:
        (B, S, D) in the model's dtype.

    """
    return run(base, embed(base, ids, rows, photos, samples), cache, segment_ids)


def embed(
    base: "Base",
    ids: torch.Tensor,
    rows: LearnedRows,
    photos: torch.Tensor | None = None,
    samples: torch.Tensor | None = None,
) -> torch.Tensor:
    """Look up a suffix's input embeddings, (B, S, D) in the model's dtype; see `hidden_states`."""
    embeddings = rows.embed(base, ids, samples)
    if photos is None:
        return embeddings
    places = (ids == base.model.config.image_token_id).unsqueeze(-1)
    return embeddings.masked_scatter(places, to_device(photos, embeddings.device).to(embeddings.dtype))


def run(
    base: "Base", embeddings: torch.Tensor, cache: "PrefixKVCache", segment_ids: torch.Tensor
) -> torch.Tensor:
    """Compute the last hidden states of embeddings. Nothing in it waits for a GPU.

    Args:
        base: the model.
        embeddings: (B, S, D) in the model's dtype.
        cache: as of `hidden_states`; extended in place.
        segment_ids: (B, P + S) int64, as of `hidden_states`.

    Returns:
        (B, S, D) in the model's dtype, on the embeddings' device.

    """
    mask, places = mask_and_places(embeddings, segment_ids)
    return base.language_model(
        inputs_embeds=embeddings,
        attention_mask=mask,
        position_ids=places + cache.position_offset,
        past_key_values=cache,
        use_cache=True,
    ).last_hidden_state.to(embeddings.device)


def mask_and_places(embeddings: torch.Tensor, segment_ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Make what the language model adds to attention scores, and count the positions before each one.

    Args:
        embeddings: (B, S, D), of the last S positions.
        segment_ids: (B, P + S) int64, as `packing` has it.

    Returns:
        (B, 1, S, P + S) in the dtype of the embeddings, and (B, S) int64.

    """
    # Made here: transformers would look into a (B, P + S) mask, and a GPU would have to wait for that.
    seen = attention_mask(segment_ids, embeddings.shape[1]).unsqueeze(1)  # (B, 1, S, P + S)
    # Rows begin at multiples of 8, or a GPU's attention would pad a copy of the mask in every layer.
    *shape, total = seen.shape
    blocked = embeddings.new_zeros(*shape, math.ceil(total / 8) * 8)[..., :total]
    return blocked.masked_fill_(~seen, -torch.inf), seen.squeeze(1).sum(-1) - 1
