"""What is unsafe stays out of the corpus, judged by its columns or by LAION's detector."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from common.clip import Clip, embed
from common.core.errors import UserError
from common.core.images import load_image
from common.core.io import sha256_bytes
from stages.index import __main__ as stage
from tests import hostile
from tests.support.helpers import set_params
from tests.support.index_helpers import check_consistent, images, list_of, made
from tests.support.index_jobs import (
    _base_clip,  # noqa: F401  (a fixture)
)

pytestmark = pytest.mark.slow  # clip-retrieval and img2dataset take many seconds to import


def test_a_list_with_laions_columns(workspace: Path, clip_folder: Path):
    """License, hash and safety are kept for each row; what is unsafe or unknown is not even asked for.

    The host is asked for one picture at a time, as it should.
    """
    seen: list[hostile.Seen] = []
    set_params({"index.serve": None, "index.max_punsafe": 0.5, "index.per_host": 1})
    with hostile.server(seen) as host:
        list_of(
            [f"{host}/slow/{i}" for i in range(5)],
            "URL",
            "TEXT",
            LICENSE=["cc-by-2.0", None, "?", "?", "?"],
            hash=[-7, 8, 9, 10, 11],
            punsafe=[0.1, 0.5, 0.6, None, 0.99],
            similarity=[0.3] * 5,
        )
        assert "2 images, failed: 1 safety unknown, 2 unsafe" in stage.main()
    rows = check_consistent(clip_folder).to_pylist()
    assert [(row["caption"], row["license"], row["listed_hash"]) for row in rows] == [
        ("picture 0", "cc-by-2.0", "-7"),
        ("picture 1", None, "8"),
    ]
    assert [row["punsafe"] for row in rows] == pytest.approx([0.1, 0.5])
    assert sorted(each.path for each in seen) == ["/slow/0", "/slow/1"]
    assert {each.at_once for each in seen} == {1}
    assert json.loads(made()["card.json"])["safety"] == {
        "max_punsafe": 0.5,
        "by": "column punsafe of the corpus",
    }


def test_a_threshold_without_numbers_is_refused(workspace: Path):
    set_params({"index.serve": None, "index.max_punsafe": 0.5})
    list_of(["http://a.example/"])
    with pytest.raises(UserError, match=r"urls\.parquet has no column punsafe"):
        stage.main()
    set_params({"index.source": "folder", "index.location": str(images(Path("folder"), range(3)))})
    with pytest.raises(UserError, match="folder has no column punsafe"):
        stage.main()


def test_a_detector_judges_what_the_corpus_does_not(workspace: Path, clip_folder: Path):
    """LAION's network with random weights: its numbers are in the rows, and those above the limit are out."""
    weights = detector_weights(16)
    folder = images(Path("folder"), range(12))
    expected = judged(weights, [load_image(path) for path in sorted(folder.iterdir())], clip_folder)
    limit = float(np.median(expected))
    torch.save(weights, "weights.pth")
    set_params({"index.source": "folder", "index.location": str(folder)})
    set_params({"index.max_punsafe": limit, "index.safety_model": "weights.pth"})
    assert "6 images, failed: 6 unsafe" in stage.main()
    rows = check_consistent(clip_folder).to_pylist()
    assert [row["punsafe"] for row in rows] == pytest.approx(expected[expected <= limit], abs=1e-4)
    card = json.loads(made()["card.json"])["safety"]
    assert card["by"].startswith("LAION's CLIP-based NSFW detector")
    assert card["weights_sha256"] == sha256_bytes(Path("weights.pth").read_bytes())
    torch.save(detector_weights(24), "weights.pth")
    with pytest.raises(UserError, match=r"weights\.pth does not judge embeddings of size 16"):
        stage.main()
    set_params({"index.safety_model": "nowhere.pth"})
    with pytest.raises(UserError, match=r"nowhere\.pth is missing"):
        stage.main()


def detector_weights(size: int) -> dict[str, torch.Tensor]:
    """Of LAION's architecture, spread so that its answers differ and lie between 0 and 1."""
    torch.manual_seed(0)
    sides = [size, 1024, 2048, 1024, 256, 128, 16, 1]
    places = [0, 3, 6, 9, 12, 15, 16]
    weights = {}
    for place, fan_in, fan_out in zip(places, sides[:-1], sides[1:], strict=True):
        weights[f"layers.{place}.weight"] = torch.randn(fan_out, fan_in) * (2 / fan_in) ** 0.5
        weights[f"layers.{place}.bias"] = torch.zeros(fan_out)
    weights["layers.16.weight"] *= 0.1
    weights["layers.16.bias"] += 0.5
    return weights


def judged(weights: dict[str, torch.Tensor], photos: list[Image.Image], clip_folder: Path) -> np.ndarray:
    """The network by hand: ReLU after all layers but the last two."""
    x = torch.from_numpy(embed(Clip(str(clip_folder), None, "cpu"), photos))
    for place in (0, 3, 6, 9, 12, 15, 16):
        x = torch.nn.functional.linear(x, weights[f"layers.{place}.weight"], weights[f"layers.{place}.bias"])
        x = x.relu() if place < 15 else x
    return x[:, 0].numpy()
