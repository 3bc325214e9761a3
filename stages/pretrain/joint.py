"""Joins tower, projector and language model on real pixels.

The projector is first fitted by regression to the slot embeddings that the language model knows; then projector and
language model train together on photos, the tower frozen. Two or more processes share each batch and average their
gradients (gloo), which on small CPUs is faster than threads.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import CLIPModel, LlamaForCausalLM, PreTrainedTokenizerFast

from stages.pretrain.language import Slots, loss_and_accuracy
from stages.pretrain.samples import JOINT, Batch, Writer, collate, draw_tree
from stages.pretrain.schedule import Log, Optimizers, is_hidden
from stages.pretrain.vision import Photos, patch_tokens, pixels
from stages.world.attributes import draw_scene
from stages.world.draw import sprite, view


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
    clip: CLIPModel, slots: Slots, embedding: nn.Embedding, seed: int, steps: int, log: Log, batch: int = 96
) -> Projector:
    """Regresses projected tokens onto slot embeddings, on photos of new individuals."""
    projector = Projector(clip.config.vision_config.hidden_size, embedding.embedding_dim)
    optimizer = torch.optim.AdamW(projector.parameters(), lr=3e-3, weight_decay=0.0)
    decay = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, steps, pct_start=0.1)
    stream = Photos(np.random.default_rng((seed, 4)), 512)
    for step in range(steps):
        photos, pairs = stream.batch(batch, batch // 4)
        with torch.no_grad():
            wanted = slots(pairs, embedding)
        loss = F.mse_loss(projector(tower(clip, photos)), wanted) / wanted.square().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        decay.step()
        if step % 50 == 49:
            log(step=step + 1, projector_error=loss.item())
    return projector


def photographed(batch: Batch, rng: np.random.Generator) -> list[np.ndarray]:
    """A photo of every individual and scene that the batch shows."""
    return [view(sprite(who), scene or draw_scene(rng), rng) for who, scene in batch.photos]


def average_gradients(weights: list[nn.Parameter]) -> None:
    """Makes the gradients of all processes their mean."""
    if not dist.is_initialized():
        return
    flat = torch.cat([weight.grad.flatten() for weight in weights])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    for weight, part in zip(weights, flat.split([weight.numel() for weight in weights]), strict=True):
        weight.grad.copy_(part.view_as(weight))


def train(
    rank: int, tokenizer: PreTrainedTokenizerFast, folder: Path, *, seed: int, fit: int, steps: int, batch: int
) -> None:
    """Fits the projector, trains jointly, and saves `folder/joint` (Llama with its own output head) and the projector.

    `batch` counts trees per process.
    """
    torch.manual_seed(seed)
    log = Log(folder / "joint.jsonl")
    clip = CLIPModel.from_pretrained(folder / "clip").eval().requires_grad_(False)
    model = LlamaForCausalLM.from_pretrained(folder / "llama")
    slots = Slots(tokenizer, model.config.hidden_size)
    slots.load_state_dict(torch.load(folder / "slots.pt", weights_only=True))
    projector = fit_projector(clip, slots, model.get_input_embeddings(), seed, fit, log)
    model.config.tie_word_embeddings = False  # from here on the output head is its own, as LLaVA's is
    model.lm_head.weight = nn.Parameter(model.model.embed_tokens.weight.detach().clone())
    rng, writer = np.random.default_rng((seed, 5, rank)), Writer(tokenizer)
    named = [*model.named_parameters(), *projector.named_parameters()]
    hidden = [weight for name, weight in named if is_hidden(name, weight)]
    rest = [weight for name, weight in named if not is_hidden(name, weight)]
    optimizers = Optimizers(hidden, rest, muon=0.01, adam=1e-3, steps=steps, cooldown=0.7)
    running = np.zeros(2)
    for step in range(steps):
        sample = collate([draw_tree(writer, rng, JOINT) for _ in range(batch)], tokenizer.pad_token_id)
        loss, right = loss_and_accuracy(model, sample, projector(tower(clip, photographed(sample, rng))))
        loss.backward()
        average_gradients(hidden + rest)
        nn.utils.clip_grad_norm_(rest, 1.0)
        optimizers.step(step)
        running += (loss.item() / 25, right / 25)
        if rank == 0 and step % 25 == 24:
            log(step=step + 1, loss=float(running[0]), right=float(running[1]))
            running[:] = 0
        if rank == 0 and (step % 100 == 99 or step + 1 == steps):
            model.save_pretrained(folder / "joint")
            torch.save(projector.state_dict(), folder / "projector.pt")
