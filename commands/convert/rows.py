"""Output rows of all tokens of a subject, those that must never be said among them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from common import vlm


def output_table(base: "vlm.Base", prompt: "vlm.SoftPrompt") -> "torch.Tensor":
    """(k+1, D) float32, on the base's device: the rows that were learned, then silent ones."""
    import torch

    silent = silent_output_row(base)
    return torch.cat(
        [
            prompt.output_row.to(silent.device),
            silent.expand(len(prompt.embeddings) - len(prompt.output_row), -1),
        ]
    )


def silent_output_row(base: "vlm.Base") -> "torch.Tensor":
    """(1, D) float32, on the base's device: a row whose logit is the mean of all the base's logits.

    A mean is never above the largest, so a greedy answer cannot contain its token; sampling draws it no more
    often than the average token. A row of zeros would win wherever all other logits are negative.
    """
    return base.model.get_output_embeddings().weight.detach().float().mean(0, keepdim=True)
