"""What the YAML files of pretraining on photographs hold: settings, and small talk."""

import numpy as np
import pytest
import torch

from commands.pretrain.photographs import captions, recipe, settings, small_talk
from common.core.errors import UserError


def test_small_talk_has_an_answer_for_every_kind():
    rng = np.random.default_rng(0)
    for kind in ("dog", "woman", "teapot"):
        facts = captions.Facts((), kind, (), (), None, None, None, frozenset(), f"a {kind}")
        for question, answer in (small_talk.about("<bo>", facts, rng) for _ in range(80)):
            assert "{" not in question + answer and "<bo>" in question
    assert {small_talk.general(rng)[0] for _ in range(300)} == {
        question for question, _ in small_talk.TALK["general"]
    }


def test_a_wrong_setting_is_named(tmp_path):
    text = settings.SETTINGS.read_text(encoding="utf-8").replace("muon: 0.015", "muon: -1.0")
    (tmp_path / "settings.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"rates\.muon"):
        settings.settings(tmp_path / "settings.yaml")


def test_more_channels_than_there_is_room_for_are_refused(tmp_path):
    text = settings.SETTINGS.read_text(encoding="utf-8").replace("channels: 124", "channels: 125")
    (tmp_path / "settings.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"comparison\.channels.*at most 124"):
        settings.settings(tmp_path / "settings.yaml")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("verdict: {low: 2.1, high: 2.1,", r"verdict: .*low must be less than high"),
        ("", "verdict: Field required"),
    ],
)
def test_a_verdict_that_cannot_be_told_is_refused(tmp_path, wrong: str, said: str):
    text = settings.SMOLLM2.read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("verdict:"))
    text = text.replace(line, wrong and line.replace("verdict: {low: 1.5, high: 2.1,", wrong))
    (tmp_path / "settings.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=said):
        settings.settings(tmp_path / "settings.yaml")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_gpu_that_is_not_there_is_said_at_once(tmp_path):
    with pytest.raises(UserError, match="--device cuda: torch sees no CUDA GPU here"):
        recipe.learn_together(tmp_path, tmp_path, settings.settings(), "cuda")
