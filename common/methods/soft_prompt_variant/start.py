"""Where latent tokens may begin, besides at random or at the photos' telling image tokens (`training`)."""

from dataclasses import replace

import torch
import torch.nn.functional as F

from common import vlm


def init_from_words(base: vlm.Base, rows: vlm.SoftPrompt, description: str) -> vlm.SoftPrompt:
    """Start latent tokens at the embeddings of the description after "<id> is", over again until there are k.

    As PEFT's prompt tuning starts from a text. Returns `rows` with (1 + k, D) float32 embeddings.
    """
    text = description.removeprefix(f"{rows.token} is ").removesuffix(".")
    ids = base.layout.encode_continuation(base.layout.text_prefix, f" {text}")
    chosen = torch.tensor([ids[i % len(ids)] for i in range(rows.latent_tokens)], dtype=torch.long)
    table = base.model.get_input_embeddings().weight.detach().float().cpu()
    return _beginning(rows, table[chosen])


def init_from_pooled_images(rows: vlm.SoftPrompt, photos: torch.Tensor) -> vlm.SoftPrompt:
    """Start latent tokens at the photos' image tokens, averaged over photos and k stretches of positions.

    photos: (n, P, D) float32. Returns `rows` with (1 + k, D) float32 embeddings.
    """
    if not rows.latent_tokens:
        return rows
    mean = photos.mean(0).T.unsqueeze(0)  # (1, D, P)
    return _beginning(rows, F.adaptive_avg_pool1d(mean, rows.latent_tokens)[0].T)


def _beginning(rows: vlm.SoftPrompt, latent: torch.Tensor) -> vlm.SoftPrompt:
    """The identifier as it was, then these latent tokens (k, D)."""
    return replace(rows, embeddings=torch.cat([rows.embeddings[:1], latent]))
