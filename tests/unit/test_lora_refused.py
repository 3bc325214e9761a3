"""What LoRA refuses: an adapter of another base, and bases that it does not fit."""

from pathlib import Path

import pytest

from common import vlm
from common.core.errors import UserError
from common.methods.lora import adapter, stored
from tests.support import families, tiny
from tests.support.helpers import ROOT
from tests.support.lora_helpers import (
    saved,
)


def test_an_adapter_of_another_base_is_refused(base: vlm.Base, tmp_path: Path) -> None:
    saved(base, tmp_path / "bo")
    other = vlm.load(str(tiny.llava(tmp_path / "other", seed=9)))
    with pytest.raises(UserError, match="another base model"), stored.applied(other, [tmp_path / "bo"]):
        pass
    with (
        pytest.raises(UserError, match=r"training\.json is missing"),
        stored.applied(base, [tmp_path / "no"]),
    ):
        pass


def test_a_base_that_lora_does_not_fit_is_refused_before_it_is_changed(tmp_path: Path) -> None:
    other = vlm.load(str(families.qwen3_vl(tmp_path / "qwen")))
    with pytest.raises(UserError, match="of type qwen3_vl, and projectors can be trained of llava, fast_vlm"):
        adapter.describe(other, rank=4, alpha=8, dropout=0.0, train_projector=True)
    short = vlm.load(str(ROOT / "models/base/llava"), bits=8)
    for how in ({"rank": None}, {"rank": 4, "train_projector": True}):
        with pytest.raises(UserError, match=r"set base\.vlm\.bits to null"):
            adapter.describe(short, alpha=8, dropout=0.0, **how)
