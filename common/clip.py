"""The base CLIP as image embeddings, with the arithmetic of clip-retrieval's mapper.

Index and retrieve both embed through here, so that a photo and its copy in the index get the same numbers.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from common.core.errors import UserError
from common.core.models import explained, refuse_gaps, refuse_other_side

if TYPE_CHECKING:
    import torch

SAME_CLIP = 0.9  # cosine that one model reaches between an image and its scaled or re-encoded copy
BATCH = 64  # images per forward; fixed, because the batch shape may change the last bits
MODELS = ("clip", "vision-text-dual-encoder")  # by the config's model_type: those with one space for both


class Clip:
    """A frozen model and its processor, with the methods that clip-retrieval expects of a model."""

    def __init__(self, model: str, revision: str | None, device: str, key: str = "base.clip") -> None:
        """Load from a folder (revision None) or a hub id at a commit, in float32; `device` as in params.yaml.

        Raises UserError, which calls the model by its key in params.yaml, when there is none of `MODELS`
        there, or a part of its weights is missing.
        """
        import torch
        from transformers import AutoConfig, AutoModel, AutoProcessor, logging

        if device == "auto":  # it is small: one device holds it
            device = "cuda" if torch.cuda.is_available() else "cpu"
        logging.disable_progress_bar()  # it would count tensors, which says nothing to anyone
        with explained(key, model, revision):
            kind = AutoConfig.from_pretrained(model, revision=revision).model_type
            if kind not in MODELS:
                raise UserError(
                    f"{model} is a model of type {kind}: {key}.model in params.yaml needs one of type "
                    f"{', '.join(MODELS)}, for example openai/clip-vit-large-patch14"
                )
            self.processor = AutoProcessor.from_pretrained(model, revision=revision)
            weights, loaded = AutoModel.from_pretrained(
                model,
                revision=revision,
                dtype=torch.float32,
                use_safetensors=True,
                output_loading_info=True,
            )
            refuse_gaps(key, model, loaded)
            refuse_other_side(key, model, self.processor, weights.config)
        self.model = weights.to(device).eval().requires_grad_(False)
        self.name, self.revision, self.device = model, revision, device
        self.dimension: int = self.model.config.projection_dim

    def preprocess(self, images: Image.Image | Sequence[Image.Image]) -> "torch.Tensor":
        """Turn RGB images into pixel values (n, 3, side, side) float32 on the CPU."""
        return self.processor.image_processor(images, return_tensors="pt").pixel_values

    def tokenize(self, texts: list[str]) -> "torch.Tensor":
        """Tokenize n texts to ids (n, length) int64 on the CPU, with this CLIP's own tokenizer."""
        limit = self.model.config.text_config.max_position_embeddings
        words = self.processor.tokenizer(
            texts, padding=True, truncation=True, max_length=limit, return_tensors="pt"
        )
        return words.input_ids

    def encode_image(self, pixels: "torch.Tensor") -> "torch.Tensor":
        """Embed pixel values (n, 3, side, side), or (n, 1, 3, side, side), to (n, d); all are float32."""
        return self.model.get_image_features(pixels.flatten(0, -4).to(self.device)).pooler_output

    def encode_text(self, ids: "torch.Tensor") -> "torch.Tensor":
        """Embed token ids (n, length) int64 as (n, d) float32."""
        return self.model.get_text_features(ids.to(self.device)).pooler_output

    def features(self, pixels: "torch.Tensor") -> np.ndarray:
        """Embed pixel values as clip-retrieval's ClipMapper does: unit vectors (n, d) float16."""
        import torch

        with torch.no_grad():
            values = self.encode_image(pixels)
            return (values / values.norm(dim=-1, keepdim=True)).cpu().to(torch.float16).numpy()


def embed(
    clip: Clip, images: Sequence[Image.Image], features: Callable[["torch.Tensor"], np.ndarray] | None = None
) -> np.ndarray:
    """Embed n ≥ 1 RGB images: unit vectors (n, d) float32; `features` replaces `clip.features`."""
    encode = features or clip.features
    return unit(np.concatenate([encode(clip.preprocess(batch)) for batch in batches(images)]))


def batches(images: Sequence[Image.Image]) -> Iterator[list[Image.Image]]:
    """Yield consecutive runs of at most BATCH images."""
    for start in range(0, len(images), BATCH):
        yield list(images[start : start + BATCH])


def unit(vectors: np.ndarray) -> np.ndarray:
    """Scale the rows of (n, d) floats to length one, as float32; a row of zeros stays as it is."""
    vectors = vectors.astype(np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths == 0, 1, lengths)
