"""The pretraining recipe end to end with a handful of steps: what it leaves, and that it resumes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from commands.pretrain import acceptance, joint, perception, recipe, tokenizer, vision
from commands.pretrain.language import TrainingPhase
from common import vlm
from common.clip import Clip

WORK, TARGET = Path("work"), Path("models/base")


class FewPhotos(vision.Photos):
    """As many photos as a test can wait for."""

    def __init__(self, rng: np.random.Generator, pool: int = 0):
        super().__init__(rng, 20)

    def batch(self, size: int, renewed: int):
        return super().batch(min(size, 40), min(renewed, 4))


@pytest.fixture
def _handful(workspace: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(recipe, "VISION", {"steps": 2, "batch": 8})
    short, logged = (TrainingPhase(steps, muon=0.01, adam=1e-3, cooldown=0.2, batch=1) for steps in (1, 25))
    parts = len(recipe.LANGUAGE["courses"])
    monkeypatch.setattr(recipe, "LANGUAGE", {"courses": (short,) * (parts - 1) + (logged,)})
    monkeypatch.setattr(recipe, "JOINT", {"photos": 20, "fit": 11, "aligned": 11, "course": logged})
    monkeypatch.setattr(recipe, "BROAD", {"course": logged})
    monkeypatch.setattr(tokenizer.corpus, "__defaults__", (300,))
    monkeypatch.setattr(acceptance.measure, "__defaults__", (2,))
    for module in (vision, perception):
        monkeypatch.setattr(module, "Photos", FewPhotos)


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.mark.slow
@pytest.mark.usefixtures("_handful")
def test_the_recipe_resumes_and_makes_models_that_load_and_a_card(monkeypatch: pytest.MonkeyPatch):
    together = recipe.together

    def until_joint(part: Callable, *rest: object) -> None:
        if part is joint.train:
            raise KeyboardInterrupt
        together(part, *rest)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(recipe, "together", until_joint)
        recipe.pretrain(WORK, TARGET, seed=0)
    assert not TARGET.exists()
    before = files(WORK)
    assert {"vision.done", "language.done"} < before.keys()

    said = recipe.pretrain(WORK, TARGET, seed=0)
    after = files(WORK)
    assert {name: after[name] for name in before} == before, "a part that had ended was run again"
    assert said.startswith("base models in models/base, ")

    base = vlm.load(str(TARGET / "llava"), None, system="", dtype="float32", device="cpu")
    photos = [Image.new("RGB", (60, 50), color) for color in ("red", "blue")]
    queries = [vlm.Query("What is <rex>?", i, "<rex> is a red dog.") for i in (0, 1, None)]
    prefixes = vlm.encode_prefixes(base, photos, 2)
    answers = vlm.answer(base, queries, prefixes, max_new_tokens=2, batch_size=4)
    assert [sum(answer.probabilities) for answer in answers] == pytest.approx([1, 1, 1])
    assert base.layout.image_prefix == "USER: <image>\n"
    assert Clip(str(TARGET / "clip"), None, "cpu").dimension == 64

    card = (TARGET / "README.md").read_text()
    measured = acceptance.measure(TARGET, 0)
    assert len(measured) > 15
    for gate in measured:
        assert f"| {gate.name} | {gate.value:.3f} |" in card
    assert "Seed 0." in card
    assert "{" not in card
