"""What frozen models make of photos, which heads decide by: CLIP embeddings, or the faces in them.

Faces are an optional extra by insightface (the dependency group `faces`). Its model is a folder on this
machine: nothing is downloaded.
"""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from common import clip
from common.core import io
from common.core.errors import UserError
from common.vlm.load import fingerprint

if TYPE_CHECKING:
    from common.clip import Clip

DETECTION = (640, 640)  # pixels at which faces are looked for, as published
Feature = Literal["clip", "face"]

load_clip = cache(clip.Clip)  # heads' own, once for all checkpoints


class FeatureExtractor:
    """Signals of RGB images, one array for each."""

    def __init__(self, model: "Callable[[], Clip]", face_model: str | None) -> None:
        """Keep how CLIP is had and where the face model is; both are loaded when needed."""
        self.clip, self.face_model = model, face_model

    def feature(self, kind: str) -> Feature:
        """What tells subjects of this declared kind: people's faces, if there is a face model."""
        return "face" if kind == "person" and self.face_model else "clip"

    def fingerprint(self, feature: Feature) -> str:
        """Of the frozen model that makes this feature."""
        if feature == "face":
            return ", ".join(io.sha256_file(path) for path in sorted(Path(self.face_model).glob("*.onnx")))
        return fingerprint(self.clip().name, self.clip().revision)

    def of(self, feature: Feature, photos: Sequence[Image.Image]) -> Sequence[np.ndarray]:
        """clip: unit vectors (d,) float32. face: unit vectors (F, 512) float32 of the photo's F faces."""
        if not photos:
            return []
        return self._faces(photos) if feature == "face" else clip.embed(self.clip(), photos)

    def _faces(self, photos: Sequence[Image.Image]) -> list[np.ndarray]:
        from insightface.app import FaceAnalysis

        try:
            analysis = FaceAnalysis(
                str(Path(self.face_model).resolve()),
                allowed_modules=["detection", "recognition"],
                providers=["CPUExecutionProvider"],
            )
            width = analysis.models["recognition"].output_shape[-1]
        except (AssertionError, KeyError):  # of detection, and of recognition
            raise UserError(
                f"face_model is {self.face_model}, whose .onnx files do not both find and tell faces: unpack "
                "a whole model of insightface there, such as buffalo_l, or set face_model to null"
            ) from None
        analysis.prepare(ctx_id=-1, det_size=DETECTION)
        faces_of = [analysis.get(np.asarray(photo)[:, :, ::-1]) for photo in photos]  # it reads BGR
        return [
            np.array([face.normed_embedding for face in faces], np.float32).reshape(len(faces), width)
            for faces in faces_of
        ]
