"""What the tower sees, measured by linear probes on its readout patches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import CLIPImageProcessor, CLIPModel

from commands.pretrain.criterion import Criterion
from commands.pretrain.vision import ATTRIBUTES, READOUT, ROWS, Photos, targets


@torch.no_grad()
def perception(folder: Path, rng: np.random.Generator) -> list[Criterion]:
    """Linear probes on the readout patches of the shipped tower, fitted by least squares on other photos."""
    clip = CLIPModel.from_pretrained(folder / "clip").eval()
    processor = CLIPImageProcessor.from_pretrained(folder / "clip")
    stream = Photos(rng, 2000)
    sets = [stream.batch(2000, 0), Photos(rng, 1000).batch(1000, 0)]
    tokens = []
    for photos, _ in sets:
        images = processor(
            images=[Image.fromarray(photo) for photo in photos], return_tensors="pt"
        ).pixel_values
        states = [clip.vision_model(pixel_values=part).last_hidden_state[:, 1:] for part in images.split(250)]
        tokens.append(torch.cat(states).double())

    def probe(patch: int, wanted: torch.Tensor) -> torch.Tensor:
        design = [torch.cat([token[:, patch], torch.ones(len(token), 1).double()], 1) for token in tokens]
        ridge = design[0].T @ design[0] + 1e-2 * torch.eye(design[0].shape[1]).double()
        return design[1] @ torch.linalg.solve(ridge, design[0].T @ wanted.double())

    (fit, fit_bits), (test, test_bits) = targets(sets[0][1]), targets(sets[1][1])
    criteria = []
    for name, values in ATTRIBUTES.items():
        scores = probe(READOUT[name], torch.nn.functional.one_hot(fit[name], len(values)))
        right = (scores.argmax(1) == test[name]).double().mean().item()
        criteria.append(
            Criterion(f"perception: {name}", right, 1000, 0.97 if name == "noun" else 0.0, 1 / len(values))
        )
    bits = torch.cat([probe(row, 2 * fit_bits[:, 3 * i : 3 * i + 3] - 1) for i, row in enumerate(ROWS)], 1)
    right = ((bits > 0) == test_bits.bool()).double().mean().item()
    return [*criteria, Criterion("perception: marking, per cell", right, 9000, 0.97, 0.5)]
