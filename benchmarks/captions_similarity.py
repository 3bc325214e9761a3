"""How good captions are, by MyVLM's measures: recall and two similarities.

Recall is the share of captions that name the subject. For the similarities its name gives way to a word for
its category, which CLIP and sentence models know. Score captions asked for with and without the name apart: a
prompt that names the subject gives recall away in part. Owns these measures over texts and embeddings; reads
no table.
"""

import re
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from common import clip
from common.clip import Clip

Vectors = NDArray[np.float32]  # (n, d), of length one
Embed = Callable[[Sequence[str]], Vectors]


def embed_texts(model: Clip, texts: Sequence[str]) -> Vectors:
    """Texts as unit vectors, to be compared with those of images."""
    with torch.no_grad():
        return clip.unit(model.encode_text(model.tokenize(list(texts))).cpu().numpy())


def names(caption: str, token: str) -> bool:
    """Does a caption say the subject's token, ``<bo>``?"""
    return token in caption


def recall(captions: Sequence[str], tokens: Sequence[str]) -> float:
    """Share of captions that name their subject; NaN of none."""
    return _mean([names(caption, token) for caption, token in zip(captions, tokens, strict=True)])


def with_category(caption: str, token: str, noun: str) -> str:
    """The caption with "the dog" for ``<bo>``; "a <bo>" and "my <bo>" keep their own word before it."""
    own = re.compile(rf"\b(a|an|the|this|that|my|your|his|her|our|their) {re.escape(token)}", re.IGNORECASE)
    text = own.sub(lambda match: f"{match[1]} {noun}", caption).replace(token, f"the {noun}")
    return text[:1].upper() + text[1:]


def image_similarity(captions: Vectors, photos: Vectors) -> float:
    """CLIPScore: the mean of 100 · max(cosine, 0) between each caption and its photo (Hessel et al., 2021).

    Without that score's factor of 2.5, as MyVLM reports it. NaN of none.
    """
    return _mean(100 * np.maximum(_cosines(captions, photos), 0))


def sentence_similarity(captions: Vectors, targets: Vectors) -> float:
    """The mean of 100 · cosine between each caption and its target, by a model of sentences; NaN of none."""
    return _mean(100 * _cosines(captions, targets))


def score(
    captions: Sequence[str],
    tokens: Sequence[str],
    nouns: Sequence[str],
    photos: Vectors,
    targets: Sequence[str],
    clip_texts: Embed,
    sentences: Embed,
) -> dict[str, float]:
    """All three measures of n captions.

    Args:
        captions: what was said of each photo.
        tokens: of the subject that each photo shows.
        nouns: of its category.
        photos: CLIP embeddings.
        targets: what should have been said, with the same tokens.
        clip_texts: embeds texts with the same CLIP (`embed_texts`).
        sentences: embeds texts for the comparison with targets: a Sentence-BERT as published, see
            `sentence_model`, or `clip_texts` where there is none, which knows the words but was not made to
            compare sentences.

    """
    said, wanted = (
        [with_category(*each) for each in zip(texts, tokens, nouns, strict=True)]
        for texts in (captions, targets)
    )
    return {
        "recall": recall(captions, tokens),
        "image_similarity": image_similarity(clip_texts(said), photos),
        "sentence_similarity": sentence_similarity(sentences(said), sentences(wanted)),
    }


def sentence_model(folder: str) -> Embed:
    """Texts → unit vectors of the Sentence-BERT in this folder; nothing is downloaded."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(folder, local_files_only=True, device="cpu")
    return lambda texts: model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)


def _cosines(one: Vectors, other: Vectors) -> Vectors:
    """Cosines (n,) of unit vectors, row by row."""
    if one.shape != other.shape:
        raise ValueError(f"{len(one)} captions of {one.shape} cannot be compared with {other.shape}")
    return (one * other).sum(-1)


def _mean(values: Sequence[float] | Vectors) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
