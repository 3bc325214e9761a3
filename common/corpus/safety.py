"""Which pictures of a corpus are kept out because they may be unsafe for work, and who says so.

Owns the threshold, LAION's detector and the words for the data card. The chance comes from the corpus's own
column `punsafe` (LAION's detector on CLIP ViT-L/14, as published with LAION-5B), or from LAION's detector for
CLIP ViT-H/14, the one of clip-retrieval's three that needs no TensorFlow. Neither finds everything.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.core.errors import UserError
from common.core.io import sha256_file

BATCH = 4096  # embeddings judged at once


class Safety:
    """A threshold on the chance that a picture is unsafe; None keeps everything."""

    def __init__(self, max_punsafe: float | None, model: str | None) -> None:
        """`model` is the file of the detector's weights; None relies on the corpus's column."""
        self.max_punsafe, self.path = max_punsafe, model
        self.detector: Any = None
        if model and not Path(model).is_file():
            raise UserError(
                f"index.safety_model: {model} is missing: download h14_nsfw.pth of LAION's CLIP-based NSFW "
                "detector, or set it to null"
            )

    @property
    def needs_column(self) -> bool:
        """Whether the corpus's own numbers are all there is to go by."""
        return self.max_punsafe is not None and not self.path

    def rejection_reason(self, punsafe: float | None) -> str | None:
        """Why a picture with this chance is left out, if it is."""
        if self.max_punsafe is None:
            return None
        if punsafe is None:
            return "safety unknown"
        return "unsafe" if punsafe > self.max_punsafe else None

    def prefilter_reason(self, punsafe: float | None) -> str | None:
        """Why a picture is left out before it is fetched; what a detector has yet to judge is not."""
        return None if punsafe is None and self.path else self.rejection_reason(punsafe)

    def chances(self, listed: Sequence[float | None], vectors: np.ndarray) -> list[float | None]:
        """The corpus's own chances, the detector's where it has none; unit vectors are (n, d) float32."""
        if not self.path or not listed:
            return list(listed)
        import torch

        if self.detector is None:
            self.detector = _load(self.path, vectors.shape[1])
        judged: list[float] = []
        with torch.no_grad():
            for start in range(0, len(vectors), BATCH):
                batch = torch.from_numpy(np.array(vectors[start : start + BATCH]))
                judged += self.detector(batch)[:, 0].clamp(0, 1).tolist()
        return [chance if own is None else own for own, chance in zip(listed, judged, strict=True)]

    def card(self) -> dict[str, Any]:
        """What the data card says of the filter."""
        if self.max_punsafe is None:
            return {"max_punsafe": None, "by": "nobody: no filter"}
        if not self.path:
            return {"max_punsafe": self.max_punsafe, "by": "column punsafe of the corpus"}
        return {
            "max_punsafe": self.max_punsafe,
            "by": "LAION's CLIP-based NSFW detector for ViT-H/14",
            "weights_sha256": sha256_file(Path(self.path)),
        }


def _load(path: str, dimension: int) -> Any:
    import torch
    from clip_retrieval.h14_nsfw_model import H14_NSFW_Detector

    class Detector(H14_NSFW_Detector):
        def load_state(self, cache_folder: str) -> dict[str, torch.Tensor]:
            """The weights as given; theirs would download what it does not find."""
            return torch.load(cache_folder, map_location="cpu", weights_only=True)

    try:
        return Detector(dimension, path)
    except Exception as error:  # torch raises many kinds for a file of another sort or shape
        raise UserError(
            f"index.safety_model: {path} does not judge embeddings of size {dimension}, as base.clip.model "
            f"makes them ({str(error).splitlines()[0][:150]}): h14_nsfw.pth wants CLIP ViT-H/14"
        ) from error
