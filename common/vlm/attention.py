"""Attention weights of a forward pass, from a model that does not form them unasked.

Only eager attention forms weights. Over a kept prefix that is cheap: the rows are those of the suffix, not of
the whole sequence.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from common.vlm.load import Base


@contextmanager
def attention_weights(base: "Base") -> Iterator[list[torch.Tensor]]:
    """Collect the language model's attention weights while the body runs.

    Yields a list that one forward pass fills with (B, H, S, P + S) in the model's dtype for every layer: S
    positions of the suffix, P of the cache. Gradients flow through them.
    """
    language = base.language_model
    usual = language.config._attn_implementation
    weights: list[torch.Tensor] = []

    def collect(attention: torch.nn.Module, given: Any, made: tuple[torch.Tensor, torch.Tensor]) -> None:
        weights.append(made[1])

    hooks = [layer.self_attn.register_forward_hook(collect) for layer in language.layers]
    language.set_attn_implementation("eager")
    try:
        yield weights
    finally:
        language.set_attn_implementation(usual)
        for hook in hooks:
            hook.remove()
