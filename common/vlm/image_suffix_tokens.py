"""Vectors appended to the image tokens, right after the last of them.

    [SYSTEM ]USER: <image>   |   vectors   \\n   |   {question} ASSISTANT:
    kept, as for any photo       made again          suffix, as for any question

Causal attention leaves keys and values before the vectors as they are, so a photo's prefix is cut there and
continued: with gradients while the vectors are learned, once per photo when they are known.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from common.vlm.forward import hidden_states
from common.vlm.kv_cache import Prefix, PrefixBatch
from common.vlm.learned_rows import LearnedRows
from common.vlm.prefix_cache import PrefixCache
from common.vlm.soft_prompt import SoftPrompt

if TYPE_CHECKING:
    from common.vlm.load import Base


def appended_ids(base: "Base", count: int) -> list[int]:
    """List the ids of `count` vectors, V + r for number r, and of what the prefix has after its image."""
    layout = base.layout
    ids = layout.tokenizer(layout.prefix_text(image=True)).input_ids
    image = layout.tokenizer.convert_tokens_to_ids(base.processor.image_token)
    behind = len(ids) - 1 - ids[::-1].index(image)
    return [base.vocab_size + row for row in range(count)] + ids[behind + 1 :]


def through_image(base: "Base", prefixes: PrefixBatch) -> PrefixBatch:
    """Cut prefixes of B photos after their last image token, without copying: a view of their kv."""
    length = prefixes.attention_mask.shape[1] - len(appended_ids(base, 0))
    return PrefixBatch(
        prefixes.kv[..., :length, :], prefixes.attention_mask[:, :length], prefixes.position_offset
    )


def appended_rows(base: "Base", vectors: torch.Tensor) -> LearnedRows:
    """Make vectors (B, m, D) float32 the learned rows of B samples, which have no identifier to say."""
    unsaid = vectors.new_zeros(1, vectors.shape[-1])
    return LearnedRows.of(base, [(SoftPrompt("", rows, unsaid),) for rows in vectors])


@torch.no_grad()
def append(base: "Base", prefixes: PrefixCache, photos: Sequence[int], vectors: torch.Tensor) -> PrefixCache:
    """Prefixes of these photos with vectors after their image tokens, to be used as any others.

    Args:
        base: the model.
        prefixes: as `encode_prefixes` made them.
        photos: n indices into `prefixes`.
        vectors: (n, m, D) float32 on the model's device.

    """
    before = through_image(base, prefixes.batch(photos))
    ids = torch.tensor([appended_ids(base, vectors.shape[1])] * len(photos), device=base.device)
    cache = before.cache()
    segment_ids = torch.cat([before.attention_mask, torch.ones_like(ids)], 1)
    hidden_states(base, ids, appended_rows(base, vectors), cache, segment_ids)
    layers = [torch.stack([layer.keys, layer.values], 1).to(base.device) for layer in cache.layers]
    made = zip(
        torch.stack(layers, 1),
        segment_ids.sum(1).tolist(),
        before.position_offset.flatten().tolist(),
        strict=True,
    )
    return replace(
        prefixes,
        prefixes=[
            Prefix(kv[..., -length:, :], None, position_offset) for kv, length, position_offset in made
        ],
    )
