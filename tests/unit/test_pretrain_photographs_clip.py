"""The CLIP for photographs is made: the tower as it came, angles kept, texts near what they are about."""

from pathlib import Path

import numpy as np
import pytest
import torch

from commands.pretrain.photographs import clip, tower
from common.clip import Clip
from tests.support.vlm_helpers import noise_images

THINGS = ("dog", "cat", "ball", "tree", "car", "hat")
CAPTIONS = [[f"a {thing} in the grass", f"one more {thing}"] for thing in THINGS for _ in range(4)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    kinds = np.random.default_rng(0).random((len(THINGS), tower.WIDTH))
    pooled = np.repeat(kinds, 4, 0) + 0.1 * np.random.default_rng(1).random((4 * len(THINGS), tower.WIDTH))
    folder = tmp_path_factory.mktemp("clip")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clip, "DIMENSION", 24)
        patch.setattr(clip, "EPOCHS", 30)
        clip.make(pooled.astype(np.float32), CAPTIONS, folder, seed=0)
    return folder


def test_the_image_side_is_the_projected_mean_of_the_towers_tokens(made: Path) -> None:
    opened = Clip(str(made), None, "cpu")
    pixels = opened.preprocess(noise_images(2))
    assert pixels.shape == (2, 3, tower.SIZE, tower.SIZE)
    tokens = tower.load()(pixels).last_hidden_state.flatten(2)
    expected = tokens.mean(2) @ opened.model.visual_projection.weight.T
    cosine = torch.nn.functional.cosine_similarity(opened.encode_image(pixels), expected)
    assert (cosine > 0.999).all()  # but for weights of half length


def test_texts_are_near_what_they_are_about(made: Path) -> None:
    opened = Clip(str(made), None, "cpu")
    with torch.no_grad():
        told = opened.encode_text(opened.tokenize([texts[0] for texts in CAPTIONS[::4]]))
        same = opened.encode_text(opened.tokenize([f"One more {thing}!" for thing in THINGS]))
    cosines = torch.nn.functional.normalize(told, dim=-1) @ torch.nn.functional.normalize(same, dim=-1).T
    assert cosines.argmax(1).tolist() == list(range(len(THINGS)))


def test_leading_directions_keep_the_angles() -> None:
    draws = np.random.default_rng(0)
    vectors = (draws.random((200, 6)) @ draws.random((6, tower.WIDTH))).astype(np.float32)
    kept = vectors @ clip.leading(vectors, 6).T
    assert np.allclose(kept @ kept.T, vectors @ vectors.T, rtol=1e-3)
