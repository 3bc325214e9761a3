"""What captions with vectors change and read of a Q-Former's cross-attention, by hooks that go again."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def as_long_as_patches(qformer: torch.nn.Module, patches: int) -> Iterator[None]:
    """Make keys and values behind the first `patches` as long as those are on average.

    Of (B, P + m, D) keys or values in the model's dtype, `patches` is P; B photos, each with m vectors.
    """

    def rescale(_: torch.nn.Module, __: object, rows: torch.Tensor) -> torch.Tensor:
        lengths = rows.norm(dim=-1, keepdim=True)  # (B, P + m, 1) of (B, P + m, D)
        longer = lengths[:, :patches].mean(1, keepdim=True) / lengths[:, patches:]
        return torch.cat([rows[:, :patches], rows[:, patches:] * longer], 1)

    hooks = [
        part.register_forward_hook(rescale)
        for attention in _attentions(qformer)
        for part in (attention.key, attention.value)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def cross_attention(qformer: torch.nn.Module) -> Iterator[list[torch.Tensor]]:
    """Collect (B, H, Q, P + m) attention weights of each cross-attention; only eager attention forms them."""
    usual = qformer.config._attn_implementation
    weights: list[torch.Tensor] = []
    hooks = [
        attention.register_forward_hook(lambda _, __, made: weights.append(made[1]))
        for attention in _attentions(qformer)
    ]
    qformer.set_attn_implementation("eager")
    try:
        yield weights
    finally:
        qformer.set_attn_implementation(usual)
        for hook in hooks:
            hook.remove()


def _attentions(qformer: torch.nn.Module) -> list[torch.nn.Module]:
    return [layer.crossattention.attention for layer in qformer.encoder.layer if layer.has_cross_attention]
