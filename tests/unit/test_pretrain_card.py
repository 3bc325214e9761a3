"""The card of a base for photographs, written from what was measured."""

from pathlib import Path

import pytest
import torch

from commands.pretrain.criterion import Criterion
from commands.pretrain.photographs import card
from commands.pretrain.photographs.settings import SMOLLM2, Settings, settings
from common.core import io


@pytest.mark.parametrize("which", [settings(), settings(SMOLLM2)], ids=["new", "smollm2"])
def test_a_card_says_what_was_measured(which: Settings, tmp_path: Path):
    weights = {"a": torch.ones(1000, 2000)}
    io.write_safetensors(tmp_path / "llava" / "model.safetensors", weights, {})
    io.write_safetensors(tmp_path / "changes.safetensors", weights, {})
    gates = [Criterion("captions", 0.5, 100, 0.6, 0.1), Criterion("kind", 0.7, 100, 0.6, None)]
    card.write(tmp_path, which, gates)
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "| captions | 0.500 | 0.404 to 0.596 | 0.60 **missed** | 0.10 | 100 |" in text
    assert "| kind | 0.700 |" in text and " 8 MB in float16" in text and "{" not in text
