"""Heads with a CLIP of their own, apart from base.clip, which retrieval goes on to use."""

from pathlib import Path
from typing import Any

import pytest
import torch

from commands.convert.__main__ import main as convert
from common import methods, vlm
from common.clip import Clip, embed
from common.core import images, io, paths
from common.core.errors import UserError
from common.methods.interface import Backbones, MethodSubject, Request, Task
from common.methods.myvlm import heads
from tests.support import tiny
from tests.support.helpers import set_params
from tests.support.myvlm_helpers import prepared, shortened, write_tables
from tests.support.vlm_helpers import noise_images

BO = MethodSubject("bo", "pet")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a second CLIP, whose embeddings have 8 numbers and not 16."""
    return tiny.clip(tmp_path_factory.mktemp("other"), seed=1, width=8)


def section(model: Path | str, revision: str | None = None) -> dict[str, Any]:
    changed = shortened()
    return changed | {"head": changed["head"] | {"backbone": {"model": str(model), "revision": revision}}}


def test_heads_see_photos_with_it_and_the_vector_is_the_same(
    base: vlm.Base, clip_folder: Path, other: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = [tmp_path / f"{number}.png" for number in range(6)]
    for file, picture in zip(files, noise_images(6), strict=True):
        picture.save(file)
    write_tables(BO, files[:4])
    usual = Clip(str(clip_folder), None, "cpu")
    backbones = Backbones(lambda: base, lambda: usual, 0, 4)
    folder = paths.fitted("myvlm") / "bo"
    prepared(backbones).fit([BO])
    with_base_clip = io.read_safetensors(folder / "embedding.safetensors")[0]["values"]
    assert heads.load(folder).weight.shape == (2, 16)

    method = methods.prepare("myvlm", {"myvlm": section(other)}, backbones)
    method.fit([BO])
    head, tensors = heads.load(folder), io.read_safetensors(folder / "embedding.safetensors")[0]
    assert head.weight.shape == (2, 8) and torch.equal(tensors["values"], with_base_clip)
    seen = embed(Clip(str(other), None, "cpu"), [images.load_image(file) for file in files])
    torch.testing.assert_close(tensors["keys"][:, 1], torch.from_numpy(head.probabilities(seen[:2])))
    photos = {str(number): file for number, file in enumerate(files)}
    asked = [Request(Task("recognition", 8), "myvlm", ("bo",), photo, "?") for photo in photos]
    found = [answer.probabilities[0] for answer in method.answers(photos, asked)]
    assert found == pytest.approx(head.probabilities(seen).tolist(), abs=1e-5)
    assert method.cost("myvlm", "bo").trainable == base.hidden_size + 2 * 8 + 2


@pytest.mark.parametrize(
    ("model", "revision", "sentence"),
    [
        ("models/base/absent", None, r"head\.backbone\.model names the folder models/base/absent"),
        (
            "apple/DFN5B-CLIP-ViT-H-14-384",
            None,
            r"head\.backbone\.revision is None: give the 40-digit commit",
        ),
        (".", "0" * 40, r"head\.backbone\.revision is for hub models, but \. is a folder: set it to null"),
    ],
)
def test_one_that_is_not_there_is_refused(
    model: str, revision: str | None, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=sentence):
        methods.prepare("myvlm", {"myvlm": section(model, revision)}, None)


def test_published_heads_ask_for_it(
    workspace: Path, tiny_llava: Path, clip_folder: Path, other: Path
) -> None:
    set_params({"base.vlm.model": str(tiny_llava), "base.clip.model": str(clip_folder)})
    torch.save({"classifier.weight": torch.rand(2, 8), "classifier.bias": torch.rand(2)}, "head.pt")
    with pytest.raises(
        UserError,
        match=r"of 8 numbers, those of .* have 16: set methods\.myvlm\.head\.backbone in params.yaml",
    ) as refusal:
        convert("myvlm-head", "bo", "head.pt", "--read")
    assert "published heads: apple/DFN5B-CLIP-ViT-H-14-384" in str(refusal.value)
    set_params({"methods.myvlm.head.backbone": {"model": str(tiny_llava), "revision": None}})
    with pytest.raises(UserError, match=r"type llava: methods\.myvlm\.head\.backbone\.model in params\.yaml"):
        convert("myvlm-head", "bo", "head.pt", "--read")
    set_params({"methods.myvlm.head.backbone": {"model": str(other), "revision": None}})
    assert convert("myvlm-head", "bo", "head.pt", "--read").startswith("a head that fires from 0.5 on")
    assert heads.load(paths.fitted("myvlm") / "bo").weight.shape == (2, 8)
