"""QLoRA: changes of full length beside weights of four bits. bitsandbytes' own CPU kernels run here."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from common import vlm
from common.methods.lora import adapter, pictures, sequences, stored
from common.methods.lora.losses import Losses
from common.methods.lora.rows import forwards
from tests.support.helpers import ROOT
from tests.support.lora_helpers import IMAGES, SAMPLES, gradients, plain_loss, state, unchanged


@pytest.fixture(scope="module")
def base() -> vlm.Base:
    return vlm.load(str(ROOT / "models/base/llava"), bits=4)


@contextmanager
def put_on(base: vlm.Base, seed: int) -> Iterator[adapter.Learned]:
    """An adapter whose values all differ from their start."""
    config = adapter.describe(base, rank=4, alpha=8, dropout=0.0)
    with adapter.attached(base, config, seed, train_projector=False, checkpointing=False) as put:
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for value in put.values:
                value += 0.05 * torch.randn(value.shape, generator=generator)
        yield put


def logits(base: vlm.Base) -> torch.Tensor:
    features = pictures.vision_features(base, IMAGES, 2, train_projector=False)
    rows = forwards(sequences.examples(base, SAMPLES, IMAGES), 4)
    with torch.no_grad():
        return torch.cat([sequences.predict(base, None, features, some).logits for some in rows])


def saved(base: vlm.Base, folder: Path, seed: int) -> torch.Tensor:
    """Write an adapter; return what the base with it says."""
    with put_on(base, seed) as put:
        stored.save(folder, base, put.model.peft_config["default"], put.snapshot(), {})
        put.model.eval()
        return logits(base)


def test_loss_and_gradients_are_those_of_the_plain_forward(base: vlm.Base) -> None:
    features = pictures.vision_features(base, IMAGES, 2, train_projector=False)
    made = sequences.examples(base, SAMPLES, IMAGES)
    with put_on(base, 0) as put:
        assert {value.dtype for value in put.values} == {torch.float32}
        wanted = gradients(put, lambda: plain_loss(base))
        found = gradients(put, lambda: Losses(base, put, features, 4).backward(made) / len(made))
        assert found[0] == pytest.approx(wanted[0], rel=2e-5)
        for mine, theirs in zip(found[1], wanted[1], strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4 * theirs.abs().max().item())


def test_applied_is_what_was_trained_and_the_base_returns_to_the_last_bit(
    base: vlm.Base, tmp_path: Path
) -> None:
    before, plain = state(base), logits(base)
    told = [saved(base, tmp_path / str(seed), seed) for seed in (0, 1)]
    for seed in (0, 1):
        with stored.applied(base, [tmp_path / str(seed)]):
            torch.testing.assert_close(logits(base), told[seed], rtol=1e-4, atol=1e-4)
    assert not torch.allclose(plain, told[0], atol=1e-2)
    with stored.applied(base, [tmp_path / "0", tmp_path / "1"]):
        both = logits(base)
    with stored.applied(base, [tmp_path / "1", tmp_path / "0"]):
        torch.testing.assert_close(logits(base), both, rtol=1e-4, atol=1e-4)
    assert not any(torch.allclose(both, one, atol=1e-2) for one in (plain, *told))
    with stored.applied(base, []):
        assert unchanged(base, before)
    with pytest.raises(RuntimeError, match="stopped"), stored.applied(base, [tmp_path / "0"]):
        raise RuntimeError("stopped")
    assert unchanged(base, before)
