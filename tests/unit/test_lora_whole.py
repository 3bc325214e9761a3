"""All weights of the language model in place of an adapter: the plain gradients, and a base as before."""

from pathlib import Path

import pytest
import torch

from common import vlm
from common.methods.lora import adapter, sequences, stored
from common.methods.lora.losses import Losses
from tests.support import families, tiny
from tests.support.lora_helpers import (
    IMAGES,
    SAMPLES,
    gradients,
    logits,
    plain_loss,
    plain_projector,
    seen,
    state,
    unchanged,
)


@pytest.fixture(scope="module", params=["llava", "qwen2_5_vl", "qwen3_vl"])  # the second with tied tables
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> vlm.Base:
    build = {"llava": tiny.llava, **families.BUILDERS}[request.param]
    return vlm.load(str(build(tmp_path_factory.mktemp("model"))), system="Be brief.")


def test_gradients_are_those_of_the_plain_model_and_the_tower_has_none(base: vlm.Base) -> None:
    before, features = state(base), seen(base, IMAGES)
    made = sequences.examples(base, SAMPLES, IMAGES)
    trains = plain_projector(base) is not None

    with adapter.unfrozen(base, train_projector=False, checkpointing=False) as put:
        tower = {
            name for name, value in base.model.named_parameters() if not value.requires_grad
        }  # and the projector
        assert tower and not any("language_model" in name or "lm_head" in name for name in tower)
        wanted = gradients(put, lambda: plain_loss(base))
    with adapter.unfrozen(base, train_projector=trains, checkpointing=True) as put:
        found = gradients(put, lambda: Losses(base, put, features, 4).backward(made) / len(made))
    assert found[0] == pytest.approx(wanted[0], rel=2e-5)
    for mine, theirs in zip(found[1], wanted[1], strict=False):  # the last of mine are the projector's
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=3e-5 * theirs.abs().max().item())
    assert unchanged(base, before)


def learned(base: vlm.Base, folder: Path, seed: int) -> torch.Tensor:
    """Write weights that all differ from the base's; return what the base with them says."""
    trains = plain_projector(base) is not None
    with adapter.unfrozen(base, train_projector=trains, checkpointing=False) as put:
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for value in [*put.values, *put.projector_values]:
                value += 0.05 * torch.randn(value.shape, generator=generator)
        stored.save(folder, base, None, put.snapshot(), {})
        put.model.eval()
        return logits(base, put.projector)


def test_stored_weights_are_those_that_were_learned_and_leave_no_trace(
    base: vlm.Base, tmp_path: Path
) -> None:
    before = state(base)
    folders = [tmp_path / "one", tmp_path / "two"]
    told = [learned(base, folder, seed) for seed, folder in enumerate(folders)]
    assert unchanged(base, before)
    assert {path.suffix for path in folders[0].iterdir()} == {".safetensors", ".json"}
    changes = []
    for folder, said in zip(folders, told, strict=True):
        with stored.applied(base, [folder]):
            assert torch.allclose(logits(base, plain_projector(base)), said, rtol=1e-5, atol=1e-5)
            changes.append({name: value - before[name] for name, value in state(base).items()})
    with stored.applied(base, folders):
        for name, value in base.model.state_dict().items():
            torch.testing.assert_close(value, before[name] + changes[0][name] + changes[1][name])
    assert unchanged(base, before)


def test_a_base_in_bfloat16_learns_in_float32_and_is_as_before(tmp_path: Path) -> None:
    base = vlm.load(str(tiny.llava(tmp_path)), dtype="bfloat16")
    before = state(base)
    made = sequences.examples(base, SAMPLES, IMAGES)
    with adapter.unfrozen(base, train_projector=True, checkpointing=False) as put:
        _, found = gradients(put, lambda: Losses(base, put, seen(base, IMAGES), 4).backward(made))
        assert {value.dtype for value in [*put.values, *found]} == {torch.float32}
        kept = {value.dtype for tensors in put.snapshot().values() for value in tensors.values()}
        assert kept == {torch.bfloat16}
    assert unchanged(base, before) and base.model.lm_head.weight.dtype == torch.bfloat16
