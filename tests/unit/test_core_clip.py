"""The CLIPs that the pipeline opens: of which classes, and that a photo's whole width is looked at."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from common.clip import Clip, embed
from common.core.errors import UserError
from common.core.images import list_photos, load_image
from tests.support import tiny
from tests.support.helpers import REAL_PHOTOS, ROOT
from tests.support.vlm_helpers import noise_images

SHIPPED = [str(ROOT / "models" / base / "clip") for base in ("base", "photographs")]


@pytest.fixture(scope="module", params=SHIPPED)
def clip(request: pytest.FixtureRequest) -> Clip:
    return Clip(request.param, None, "cpu")


def test_pictures_and_texts_get_vectors_of_one_space(clip: Clip) -> None:
    vectors = embed(clip, noise_images(3))
    assert vectors.shape == (3, clip.dimension)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    with torch.no_grad():
        told = [
            clip.encode_text(clip.tokenize([text])) for text in ("a brown dog", "a red ball", "a brown dog")
        ]
    assert told[0].shape == (1, clip.dimension)
    assert torch.equal(told[0], told[2]) and not torch.allclose(told[0], told[1], atol=1e-2)


def test_clip_retrievals_batches_of_one_are_taken(clip: Clip) -> None:
    pixels = clip.preprocess(noise_images(2))
    assert np.array_equal(clip.features(pixels[:, None]), clip.features(pixels))


def test_the_tower_for_photographs_sees_the_sides_of_a_wide_photo() -> None:
    clip = Clip(SHIPPED[1], None, "cpu")
    wide = np.asarray(noise_images(1, [(60, 180)])[0]).copy()
    other = wide.copy()
    other[:, :40] = 255
    one, two, again = embed(clip, [Image.fromarray(picture) for picture in (wide, other, wide)])
    assert one @ two < 0.99 < one @ again


@pytest.mark.skipif(not REAL_PHOTOS.exists(), reason="needs the photographs")
def test_individuals_are_told_apart_and_named_by_the_tower_for_photographs() -> None:
    clip = Clip(SHIPPED[1], None, "cpu")
    photos = [list_photos(REAL_PHOTOS / name)[:4] for name in ("dog", "cat2", "teapot")]
    vectors = embed(clip, [load_image(path) for paths in photos for path in paths])
    cosines = (vectors @ vectors.T).reshape(3, 4, 3, 4)
    cosines[:, range(4), :, range(4)] -= 2 * np.eye(3)  # not with itself
    assert (cosines.max(3).argmax(2) == np.arange(3)[:, None]).mean() > 0.9
    with torch.no_grad():
        told = clip.encode_text(clip.tokenize(["A dog.", "A cat sits."]))
    near = vectors[:8] @ torch.nn.functional.normalize(told, dim=-1).numpy().T
    assert ((near[:4, 0] > near[:4, 1]).sum() + (near[4:, 1] > near[4:, 0]).sum()) >= 7


def test_another_kind_of_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"of type llava: base\.clip\.model in params\.yaml needs one of type clip, "
    ):
        Clip(str(tiny.llava(tmp_path)), None, "cpu")


def test_weights_with_gaps_are_refused_and_not_made_up(tmp_path: Path) -> None:
    tiny.clip(tmp_path)
    file = tmp_path / "model.safetensors"
    whole = load_file(file)
    save_file(
        {name: whole[name] for name in whole if "visual_projection" not in name}, file, {"format": "pt"}
    )
    with pytest.raises(UserError, match=r"lack 1 of the tensors .*visual_projection"):
        Clip(str(tmp_path), None, "cpu")
