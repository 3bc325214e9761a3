"""Concept heads: does a photo show the concept? One small class per kind of head.

A head reads what a frozen model makes of a photo, its signal. For all but people that is a CLIP embedding,
and the head a linear layer; for people, if there is a face model, the embeddings of the faces, compared with
those of the train photos. Owns heads, their training and their file; does not own the models (`features`).
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F

from common.core import io
from common.methods.myvlm.settings import Heads
from common.training.curves import Curves

FILE = "head.safetensors"
FLOOR = 5e-6  # where the cosine schedule of the learning rate ends


@dataclass(frozen=True, eq=False)
class Head(ABC):
    """The head of one concept.

    Attributes:
        threshold: it fires where `probabilities` is at least `level`, which follows from this.

    """

    feature: ClassVar[str]  # clip | face
    threshold: float

    @property
    @abstractmethod
    def level(self) -> float:
        """The probability from which on it fires."""

    @property
    @abstractmethod
    def tensors(self) -> dict[str, torch.Tensor]:
        """What its file holds, by name, in float32."""

    @property
    @abstractmethod
    def trainable(self) -> int:
        """How many values were learned."""

    @abstractmethod
    def probabilities(self, features: Sequence[np.ndarray]) -> np.ndarray:
        """P(the photo shows the concept) of n photos' signals, (n,) float32."""

    @property
    def info(self) -> dict[str, Any]:
        """What its file says beside them."""
        return {"signal": self.feature, "threshold": self.threshold}

    def save(self, folder: Path) -> None:
        """Write `FILE`."""
        io.write_safetensors(folder / FILE, self.tensors, self.info)


@dataclass(frozen=True, eq=False)
class LinearHead(Head):
    """Linear layer on a unit CLIP embedding; fires where the second class has `threshold` or more.

    Attributes:
        weight: (2, d) float32, rows for no and yes.
        bias: (2,) float32.

    """

    feature = "clip"
    weight: torch.Tensor
    bias: torch.Tensor

    @property
    def level(self) -> float:
        """The threshold itself."""
        return self.threshold

    @property
    def tensors(self) -> dict[str, torch.Tensor]:
        """classifier.weight (2, d) and classifier.bias (2,), as MyVLM names them."""
        return {"classifier.weight": self.weight, "classifier.bias": self.bias}

    @property
    def trainable(self) -> int:
        """All."""
        return self.weight.numel() + self.bias.numel()

    def probabilities(self, features: Sequence[np.ndarray]) -> np.ndarray:
        """Softmax over both classes of unit vectors (d,), second class."""
        logits = F.linear(torch.from_numpy(np.stack(features)), self.weight, self.bias)  # (n, 2)
        return logits.softmax(-1)[:, 1].numpy()


@dataclass(frozen=True, eq=False)
class FaceHead(Head):
    """Stored faces; fires where one of the photo is at most `threshold` (cosine distance) from one of them.

    Attributes:
        keys: (n, d) float32 unit vectors.

    """

    feature = "face"
    keys: torch.Tensor

    @property
    def level(self) -> float:
        """Where the distance is the threshold."""
        return 0.5

    @property
    def tensors(self) -> dict[str, torch.Tensor]:
        """keys (n, d): the stored faces."""
        return {"keys": self.keys}

    @property
    def trainable(self) -> int:
        """None: faces are stored as they are."""
        return 0

    def probabilities(self, features: Sequence[np.ndarray]) -> np.ndarray:
        """1 at distance zero, .5 at the threshold, 0 from twice that on and without a face.

        Each signal is (F, d) float32, unit vectors of the photo's faces.
        """
        keys = self.keys.numpy()
        nearest = [1 - (faces @ keys.T).max() if len(faces) else np.inf for faces in features]
        return np.clip(1 - np.array(nearest) / (2 * self.threshold), 0, 1).astype(np.float32)


def load(folder: Path) -> Head:
    """Read a head of either kind."""
    return of(*io.read_safetensors(folder / FILE))


def of(tensors: Mapping[str, torch.Tensor], info: Mapping[str, Any]) -> Head:
    """The head that these tensors and info are of."""
    if info["signal"] == FaceHead.feature:
        return FaceHead(info["threshold"], tensors["keys"])
    return LinearHead(info["threshold"], tensors["classifier.weight"], tensors["classifier.bias"])


def train(
    positives: np.ndarray, negatives: np.ndarray, recipe: Heads, generator: torch.Generator, curves: Curves
) -> LinearHead:
    """Train a linear head by the published recipe: cross-entropy, both classes drawn equally often.

    positives (n, d), negatives (m, d): unit vectors, float32.
    """
    features = torch.from_numpy(np.concatenate([positives, negatives]))
    labels = torch.tensor([1] * len(positives) + [0] * len(negatives))
    width = features.shape[1]
    span = width**-0.5  # torch's own start of a linear layer
    weight, bias = (
        torch.empty(shape).uniform_(-span, span, generator=generator).requires_grad_()
        for shape in ((2, width), (2,))
    )
    optimizer = torch.optim.AdamW([weight, bias], lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, recipe.steps, FLOOR)
    chances = 1 / labels.bincount()[labels]
    draws = torch.multinomial(
        chances, recipe.steps * recipe.batch_size, replacement=True, generator=generator
    )
    for step, batch in enumerate(draws.view(recipe.steps, -1), 1):
        optimizer.zero_grad()
        loss = F.cross_entropy(F.linear(features[batch], weight, bias), labels[batch])
        loss.backward()
        curves.add("head", step, {"loss": loss.detach()})
        torch.nn.utils.clip_grad_norm_([weight, bias], recipe.clip)
        optimizer.step()
        schedule.step()
    curves.write()
    return LinearHead(recipe.threshold, weight.detach(), bias.detach())


def own_faces(photos: Sequence[np.ndarray], distance: float) -> np.ndarray:
    """The subject's face in each train photo, (n, d), in photos with several the one seen in a solo photo.

    photos: (F, d) unit vectors each. A photo without a face, or where no or several faces are at most
    `distance` from those of solo photos, is left out; with no solo photo nobody can be told.
    """
    solo = [faces for faces in photos if len(faces) == 1]
    if not solo:
        return np.empty((0, photos[0].shape[1] if len(photos) else 0), np.float32)
    known = np.concatenate(solo)
    own = list(solo)
    for faces in (faces for faces in photos if len(faces) > 1):
        near = faces[(1 - faces @ known.T).min(1) <= distance]
        if len(near) == 1:
            own.append(near)
    return np.concatenate(own)
