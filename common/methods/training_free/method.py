"""Recognizes by the CLIP embeddings of reference photos; the base answers the rest with its description."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from common import clip, vlm
from common.core import images, io, schema
from common.core.conversations import descriptions, read_conversations
from common.methods.interface import Cost, Method, MethodSubject, Photos, Request
from common.methods.respond import answer_all, prompt_tokens
from common.methods.training_free.settings import TrainingFreeSettings

FILE = "reference.safetensors"  # of a subject
SAME = 1e-3  # components of unit vectors of one picture differ by less, for their batches differ
STEEPNESS = 50.0  # of P(yes) as a function of the cosine: it ranks photos and is .5 at the threshold


class TrainingFree(Method):
    """A file per subject: unit vectors of its photos, (n, d) float32, with threshold and description."""

    settings: TrainingFreeSettings

    def fit(self, subjects: Sequence[MethodSubject]) -> None:
        """Embed the train photos; choose the threshold on them and the negatives, if none is given."""
        for subject in subjects:
            rows = io.read_parquet(subject.dataset, schema.DATASET).to_pylist()
            unchanged = [row for row in rows if row["split"] == "validation"]
            vectors = self._embed(
                [images.load_image(row["image"]["bytes"], row["image"]["path"]) for row in unchanged]
            )
            own = np.array([row["label"] == "yes" for row in unchanged])
            threshold = self.settings.threshold
            if threshold is None:
                threshold = best_threshold(similarities(vectors, vectors[own]), own)
            description = descriptions(read_conversations(subject.id))["short"]
            io.write_safetensors(
                self.folder / subject.id / FILE,
                {"photos": torch.from_numpy(vectors[own])},
                {"description": description, "threshold": round(threshold, 6)},
            )

    def answers(self, photos: Photos, requests: Sequence[Request]) -> list[vlm.Answer]:
        """Recognition by similarity; everything else by the base model with the description."""
        known = {s: self._read(s) for s in dict.fromkeys(s for request in requests for s in request.subjects)}
        told = [request for request in requests if request.task.kind != "recognition"]
        described = [" ".join(known[subject].description for subject in request.subjects) for request in told]
        answers = iter(
            answer_all(self.backbones.base(), photos, told, described, self.backbones.batch_size, self.name)
        )
        seen = [request for request in requests if request.task.kind == "recognition"]
        asked = {request.photo for request in seen}
        wanted = [photo for photo in photos if photo in asked]
        vectors = self._embed([images.load_image(photos[photo]) for photo in wanted]) if wanted else []
        vector = dict(zip(wanted, vectors, strict=True))
        return [
            _recognized(vector[request.photo], known[request.subjects[0]])
            if request.task.kind == "recognition"
            else next(answers)
            for request in requests
        ]

    def cost(self, name: str, subject: str) -> Cost:
        """Nothing is learned; vectors and description are stored."""
        stored = (self.folder / subject / FILE).stat().st_size
        return Cost(0, stored, prompt_tokens(self.backbones.base(), self._read(subject).description))

    def _embed(self, pictures: Sequence[Image.Image]) -> np.ndarray:
        return clip.embed(self.backbones.clip(), pictures)

    def _read(self, subject: str) -> "Reference":
        tensors, info = io.read_safetensors(self.folder / subject / FILE)
        return Reference(tensors["photos"].numpy(), **info)


@dataclass(frozen=True)
class Reference:
    """What is kept of a subject."""

    photos: np.ndarray  # (n, d) float32 unit vectors
    description: str
    threshold: float


METHOD = TrainingFree


def _recognized(vector: np.ndarray, reference: Reference) -> vlm.Answer:
    near = similarities(vector[None], reference.photos)[0]
    p_yes = float(1 / (1 + np.exp(-STEEPNESS * (near - reference.threshold))))
    return vlm.Answer("Yes" if p_yes > 0.5 else "No", (p_yes, 1 - p_yes))


def similarities(vectors: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Compute the cosine, (m,) float32, of each of m unit vectors to the nearest of n references.

    vectors (m, d) and references (n, d) are float32. A picture that is itself a reference is compared with
    the others only, or a train photo would be told by what no test photo has.
    """
    cosines = vectors @ references.T  # (m, n)
    rows, nearest = np.arange(len(vectors)), cosines.argmax(1)
    itself = np.abs(vectors - references[nearest]).max(-1) < SAME
    cosines[rows[itself], nearest[itself]] = -np.inf
    return cosines.max(1)


def best_threshold(near: np.ndarray, own: np.ndarray) -> float:
    """Find the midpoint of two neighboring similarities with the highest mean accuracy over both classes.

    near: (m,) similarities, float32. own: (m,) bool, whether they are the subject's. Of equal midpoints, the
    lowest.
    """
    levels = np.unique(near[np.isfinite(near)])
    middles = (levels[1:] + levels[:-1]) / 2
    if not len(middles):  # all are equally close: nothing can tell them apart
        return 1.0
    scores = [((near[own] > t).mean() + (near[~own] <= t).mean()) / 2 for t in middles]
    return float(middles[int(np.argmax(scores))])
