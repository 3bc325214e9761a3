"""The projector: how it is fitted to the slot embeddings that the language model knows, and to the tower."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import CLIPModel, PreTrainedTokenizerFast

from commands.pretrain.language import Slots
from commands.pretrain.schedule import Log, average_gradients
from commands.pretrain.vision import (
    ATTRIBUTES,
    IMAGE_TOKENS,
    READOUT,
    ROWS,
    Photos,
    contrastive,
    patch_tokens,
    pixels,
)
from common.world.text import caption

ALIGN_PHOTOS = 48  # per process and step


class Projector(nn.Module):
    """LLaVA's two-layer projector, with the names that transformers gives its weights."""

    def __init__(self, vision: int, text: int):
        super().__init__()
        self.linear_1 = nn.Linear(vision, text)
        self.linear_2 = nn.Linear(text, text)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tower tokens (N, P, vision) to image tokens (N, P, text)."""
        return self.linear_2(F.gelu(self.linear_1(tokens)))


@torch.no_grad()
def tower(clip: CLIPModel, photos: list[np.ndarray]) -> Tensor:
    """Frozen patch tokens (N, P, D) of uint8 photos."""
    return patch_tokens(clip, pixels(photos))[0]


def fit_projector(
    clip: CLIPModel, slots: Slots, embedding: nn.Embedding, *, seed: int, photos: int, steps: int, log: Log
) -> Projector:
    """Regresses projected tokens onto slot embeddings, on the tokens of `photos` pictures computed once.

    The tower's tokens are far larger than word embeddings: the first layer starts scaled to them.
    """
    shown, pairs = Photos(np.random.default_rng((seed, 4)), photos).batch(photos, 0)
    seen = torch.cat([tower(clip, shown[start : start + 128]) for start in range(0, photos, 128)]).flatten(
        0, 1
    )
    with torch.no_grad():
        wanted = slots(pairs, embedding).flatten(0, 1)
    projector = Projector(seen.shape[1], wanted.shape[1])
    projector.linear_1.weight.data /= seen.std()
    projector.linear_2.weight.data *= wanted.std()
    optimizer = torch.optim.AdamW(
        [
            {"params": projector.linear_1.parameters(), "lr": 1e-2 / seen.std().item()},
            {"params": projector.linear_2.parameters(), "lr": 1e-3},
        ],
        weight_decay=0.0,
    )
    peaks = [group["lr"] for group in optimizer.param_groups]
    decay = torch.optim.lr_scheduler.OneCycleLR(optimizer, peaks, steps, pct_start=0.1)
    generator = torch.Generator().manual_seed(seed)
    readouts = torch.tensor([*(READOUT[name] for name in ATTRIBUTES), *ROWS])
    for step in range(steps):
        rows = torch.randint(len(seen), (4096,), generator=generator)
        # half of the rows are readout patches, which are few but carry everything
        rows[::2] = rows[::2] // IMAGE_TOKENS * IMAGE_TOKENS + readouts[rows[::2] % len(readouts)]
        loss = F.mse_loss(projector(seen[rows]), wanted[rows]) / wanted.var()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        decay.step()
        if step % 100 == 99:
            log(step=step + 1, projector_error=loss.item())
    return projector


def align(
    clip: CLIPModel,
    projector: Projector,
    slots: Slots,
    embedding: nn.Embedding,
    tokenizer: PreTrainedTokenizerFast,
    *,
    stream: Photos,
    steps: int,
    log: Log,
) -> None:
    """Trains tower and projector together towards the slot embeddings, with CLIP's own loss beside.

    A linear map per readout patch reads the pretrained tower, but LLaVA's projector is one for all patches:
    the tower has to learn to speak to it. It is the only part in which language shapes the tower.
    """
    weights = [*clip.parameters(), *projector.parameters()]
    rates = [{"params": clip.parameters()}, {"params": projector.parameters()}]
    optimizer = torch.optim.AdamW(rates, weight_decay=0.0)
    decay = torch.optim.lr_scheduler.OneCycleLR(optimizer, [1e-3, 1e-3], steps, pct_start=0.1)
    readouts = [*(READOUT[name] for name in ATTRIBUTES), *ROWS]
    for step in range(steps):
        photos, pairs = stream.batch(ALIGN_PHOTOS, ALIGN_PHOTOS // 4)
        with torch.no_grad():
            wanted = slots(pairs, embedding)
        tokens, pooled = patch_tokens(clip, pixels(photos))
        got = projector(tokens)
        error = F.mse_loss(got[:, readouts], wanted[:, readouts]) / wanted[:, readouts].var()
        blank = F.mse_loss(got, wanted) / wanted.var()
        texts = [caption(*pair) + tokenizer.eos_token for pair in pairs]
        encoded = tokenizer(texts, padding=True, return_tensors="pt", return_token_type_ids=False)
        optimizer.zero_grad(set_to_none=True)
        (4 * error + blank + 0.2 * contrastive(clip, pooled, encoded)).backward()
        average_gradients([weight for weight in weights if weight.grad is not None])
        nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        decay.step()
        if step % 25 == 24:
            log(step=step + 1, aligned_error=error.item(), blank_error=blank.item())
