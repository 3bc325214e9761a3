"""Pretrains the small CLIP: contrastive loss on captions plus throw-away supervised heads.

Each attribute, and each row of the marking, is read by a linear head from one dedicated border patch of the
vision tower. That makes image tokens linearly readable, which is what the language model needs; the heads are
dropped.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import CLIPConfig, CLIPModel, PreTrainedTokenizerFast

from commands.pretrain.schedule import Log, Optimizers, is_hidden
from common.world.attributes import NAMEABLE, SCENE, Individual, Scene, draw_individual, draw_scene
from common.world.draw import SIZE, sprite, view
from common.world.text import caption, value_of

PATCH = 8  # pixels
IMAGE_TOKENS = (SIZE // PATCH) ** 2
MEAN, STD = 0.5, 0.25  # pixel normalization, also in the processor
ATTRIBUTES = NAMEABLE | SCENE
# Readout patches lie on the upper and lower border, where little of the subject is.
READOUT = {
    **{name: index for index, name in enumerate(list(ATTRIBUTES)[:6])},
    "prop": 30,
    "marking": (32, 33, 34),
}
ROWS = READOUT["marking"]
CONTRAST_EVERY = 3  # steps; the text tower learns faster than the readouts


def configuration(tokenizer: PreTrainedTokenizerFast) -> CLIPConfig:
    """A CLIP of about 1.3 million weights for SIZE px images."""
    shared = {"hidden_size": 128, "intermediate_size": 512, "num_attention_heads": 4, "hidden_act": "relu"}
    return CLIPConfig(
        vision_config=shared
        | {"num_hidden_layers": 4, "image_size": SIZE, "patch_size": PATCH, "projection_dim": 64},
        text_config=shared
        | {
            "num_hidden_layers": 2,
            "vocab_size": len(tokenizer),
            "max_position_embeddings": 77,
            "projection_dim": 64,
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        },
        projection_dim=64,
    )


class Heads(nn.Module):
    """Linear readouts on the vision tower's last hidden state."""

    def __init__(self, width: int):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attribute = nn.ModuleDict(
            {name: nn.Linear(width, len(values)) for name, values in ATTRIBUTES.items()}
        )
        self.marking = nn.ModuleList(nn.Linear(width, 3) for _ in ROWS)

    def forward(self, tokens: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Patch tokens (B, P, D) to attribute logits and marking logits (B, 9)."""
        tokens = self.norm(tokens)
        logits = {name: head(tokens[:, READOUT[name]]) for name, head in self.attribute.items()}
        return logits, torch.cat(
            [head(tokens[:, row]) for head, row in zip(self.marking, ROWS, strict=True)], dim=1
        )


def pixels(photos: np.ndarray | list[np.ndarray]) -> Tensor:
    """uint8 photos (B, H, W, 3) to normalized float32 (B, 3, H, W)."""
    stacked = torch.from_numpy(np.stack(photos)).permute(0, 3, 1, 2).float()
    return (stacked / 255 - MEAN) / STD


def targets(pairs: list[tuple[Individual, Scene]]) -> tuple[dict[str, Tensor], Tensor]:
    """Class indices per attribute (B,) and marking bits (B, 9)."""
    classes = {
        name: torch.tensor([values.index(value_of(who, where, name)) for who, where in pairs])
        for name, values in ATTRIBUTES.items()
    }
    return classes, torch.tensor([who.marking for who, _ in pairs], dtype=torch.float32)


class Photos:
    """Endless photos of ever new individuals: a pool of sprites, partly renewed at every batch."""

    def __init__(self, rng: np.random.Generator, pool: int = 2048):
        self.rng = rng
        self.individuals = [draw_individual(rng) for _ in range(pool)]
        self.sprites = [sprite(individual) for individual in self.individuals]

    def batch(self, size: int, renewed: int) -> tuple[list[np.ndarray], list[tuple[Individual, Scene]]]:
        """Draws `size` photos after replacing `renewed` individuals."""
        for index in self.rng.integers(0, len(self.individuals), renewed):
            self.individuals[index] = draw_individual(self.rng)
            self.sprites[index] = sprite(self.individuals[index])
        photos, pairs = [], []
        for index in self.rng.integers(0, len(self.individuals), size):
            scene = draw_scene(self.rng)
            photos.append(view(self.sprites[index], scene, self.rng))
            pairs.append((self.individuals[index], scene))
        return photos, pairs


def patch_tokens(model: CLIPModel, images: Tensor) -> tuple[Tensor, Tensor]:
    """Patch tokens (B, P, D) and pooled state (B, D) of normalized images."""
    output = model.vision_model(pixel_values=images)
    return output.last_hidden_state[:, 1:], output.pooler_output


def contrastive(model: CLIPModel, pooled: Tensor, texts: dict[str, Tensor]) -> Tensor:
    """CLIP's symmetric loss on in-batch pairs."""
    image = F.normalize(model.visual_projection(pooled), dim=-1)
    text = F.normalize(model.text_projection(model.text_model(**texts).pooler_output), dim=-1)
    logits = model.logit_scale.exp().clamp(max=100) * image @ text.T
    labels = torch.arange(len(logits))
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2


@torch.no_grad()
def accuracy(model: CLIPModel, heads: Heads, photos: list[np.ndarray], pairs: list) -> dict[str, float]:
    """Share of right readouts per attribute, and per marking bit."""
    logits, marking = heads(patch_tokens(model, pixels(photos))[0])
    classes, bits = targets(pairs)
    result = {name: (logits[name].argmax(-1) == classes[name]).float().mean().item() for name in classes}
    return result | {"marking": ((marking > 0) == bits.bool()).float().mean().item()}


def train(tokenizer: PreTrainedTokenizerFast, folder: Path, *, seed: int, steps: int, batch: int) -> None:
    """Trains from nothing and saves CLIP in `folder/clip` and the heads beside it."""
    torch.manual_seed(seed)
    rng = np.random.default_rng((seed, 1))
    stream, log = Photos(rng), Log(folder / "vision.jsonl")
    held_out = Photos(np.random.default_rng((seed, 2)), 1024).batch(1024, 0)
    model = CLIPModel(configuration(tokenizer))
    heads = Heads(model.config.vision_config.hidden_size)
    named = [*model.named_parameters(), *heads.named_parameters()]
    hidden = [weight for name, weight in named if is_hidden(name, weight)]
    rest = [weight for name, weight in named if not is_hidden(name, weight)]
    optimizers = Optimizers(hidden, rest, muon=0.02, adam=1e-3, steps=steps)
    for step in range(steps):
        photos, pairs = stream.batch(batch, batch // 8)
        tokens, pooled = patch_tokens(model, pixels(photos))
        logits, marking = heads(tokens)
        classes, bits = targets(pairs)
        loss = sum(F.cross_entropy(logits[name], classes[name]) for name in classes)
        loss = loss + F.cross_entropy(logits["noun"], classes["noun"])
        loss = loss + 6 * F.binary_cross_entropy_with_logits(marking, bits)
        if step % CONTRAST_EVERY == 0:
            texts = [caption(*pair) + tokenizer.eos_token for pair in pairs]
            tokens = tokenizer(texts, padding=True, return_tensors="pt", return_token_type_ids=False)
            match = contrastive(model, pooled, tokens)
            loss = loss + match
        loss.backward()
        optimizers.step(step)
        if step % 100 == 99 or step + 1 == steps:
            log(
                step=step + 1, loss=loss.item(), contrastive=match.item(), **accuracy(model, heads, *held_out)
            )
        if step % 500 == 499 or step + 1 == steps:
            model.save_pretrained(folder / "clip")
            torch.save(heads.state_dict(), folder / "heads.pt")
