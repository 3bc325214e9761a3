"""LoRA on the base: the plain gradients, in the language model alone, and a base as it was afterwards."""

from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForImageTextToText

from common import vlm
from common.core.errors import UserError
from common.methods.lora import adapter, sequences, stored
from common.methods.lora.learn import _fitting
from common.methods.lora.losses import Losses
from common.methods.lora.run import _optimizer
from common.training.samples import Sample
from common.vlm.suffix import IGNORE
from tests.support import families, tiny
from tests.support.helpers import ROOT
from tests.support.lora_helpers import (
    IMAGES,
    SAMPLES,
    gradients,
    logits,
    plain_loss,
    plain_projector,
    put_on,
    saved,
    seen,
    state,
    unchanged,
)


@pytest.fixture(scope="module", params=["llava", *families.BUILDERS])
def any_base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> vlm.Base:
    """One of each family."""
    build = {"llava": tiny.llava, **families.BUILDERS}[request.param]
    return vlm.load(str(build(tmp_path_factory.mktemp("model"))), system="Be brief.")


@pytest.fixture(scope="module", params=["llava", "fast_vlm", "shipped"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> vlm.Base:
    if request.param == "shipped":
        return vlm.load(str(ROOT / "models/base/llava"))
    build = {"llava": tiny.llava, **families.BUILDERS}[request.param]
    return vlm.load(str(build(tmp_path_factory.mktemp("model"))), system="Be brief.")


def test_loss_and_gradients_are_those_of_the_plain_forward_over_each_sample(any_base: vlm.Base) -> None:
    features = seen(any_base, IMAGES)
    made = sequences.examples(any_base, SAMPLES, IMAGES)

    with put_on(any_base) as put:
        own = plain_projector(any_base)
        if own is not None:
            any_base.model.model.multi_modal_projector = put.projector
        wanted = gradients(put, lambda: plain_loss(any_base))
        if own is not None:
            any_base.model.model.multi_modal_projector = own
        for micro_batch_size in (4, 3):  # in one forward, and in two
            found = gradients(
                put,
                lambda n=micro_batch_size: Losses(any_base, put, features, n).backward(made) / len(made),
            )
            assert found[0] == pytest.approx(wanted[0], rel=2e-5)
            for mine, theirs in zip(found[1], wanted[1], strict=True):
                torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=3e-5 * theirs.abs().max().item())


def test_checkpointing_changes_no_gradient_and_ends_with_the_training(base: vlm.Base) -> None:
    features = seen(base, IMAGES)
    made = sequences.examples(base, SAMPLES, IMAGES)
    found = []
    for checkpointing in (False, True):
        with put_on(base, checkpointing=checkpointing) as put:
            assert base.model.model.language_model.is_activation_checkpointing == checkpointing
            found.append(gradients(put, lambda: Losses(base, put, features, 4).backward(made)))
    assert found[0][0] == found[1][0]
    assert all(map(torch.equal, found[0][1], found[1][1]))
    assert not base.model.model.language_model.is_activation_checkpointing


def test_every_linear_layer_of_the_language_model_and_none_of_the_vision_tower(any_base: vlm.Base) -> None:
    decoder = set(any_base.language_model.modules())
    linear = {
        name
        for name, module in any_base.model.named_modules()
        if module in decoder and isinstance(module, torch.nn.Linear)
    }
    with put_on(any_base) as put:
        at = {name.rpartition(".lora_")[0] for name in put.snapshot()[adapter.ADAPTER_WEIGHTS]}
    assert {name.removeprefix("base_model.model.") for name in at} == linear


def test_the_answer_and_the_end_token_are_learned_and_nothing_else(base: vlm.Base) -> None:
    example = sequences.examples(base, SAMPLES[:1], IMAGES)[0]
    learned = [label for label in example.labels if label != IGNORE]
    assert base.tokenizer.decode(learned).strip() == f"Yes{base.tokenizer.eos_token}"
    assert example.prefix.ids.count(base.model.config.image_token_id) == len(
        vlm.image_tokens(base, IMAGES[:1])[0]
    )


def test_the_base_is_as_before_whatever_ends_the_training(base: vlm.Base) -> None:
    before = state(base)
    with put_on(base):
        assert not unchanged(base, before)
    assert unchanged(base, before)
    with pytest.raises(RuntimeError, match="stopped"), put_on(base, checkpointing=True):
        raise RuntimeError("stopped")
    assert unchanged(base, before)
    with put_on(base):  # PEFT would warn of a second time
        pass


def test_first_values_come_from_their_seed_alone_and_disturb_no_other_draw(base: vlm.Base) -> None:
    config = adapter.describe(base, rank=4, alpha=8, dropout=0.0)

    def start(seed: int) -> torch.Tensor:
        torch.rand(3)
        with adapter.attached(base, config, seed, train_projector=False, checkpointing=False) as put:
            return put.values[0].detach().clone()

    torch.manual_seed(5)
    first, again, other = start(1), start(1), start(2)
    drawn = torch.rand(1)
    assert torch.equal(first, again) and not torch.equal(first, other)
    torch.manual_seed(5)
    torch.rand(9)
    assert torch.equal(drawn, torch.rand(1))


def test_merged_is_what_was_trained_and_the_base_returns_to_the_last_bit(
    any_base: vlm.Base, tmp_path: Path
) -> None:
    before, plain = state(any_base), logits(any_base, plain_projector(any_base))
    told = saved(any_base, tmp_path / "one")
    with stored.applied(any_base, [tmp_path / "one"]):
        now = logits(any_base, plain_projector(any_base))
        torch.testing.assert_close(now, told, rtol=1e-4, atol=1e-3)
        assert list(any_base.model.state_dict()) == list(before)  # a plain model in between, too
    assert not torch.allclose(plain, told, atol=1e-2)
    assert unchanged(any_base, before)
    with pytest.raises(RuntimeError, match="stopped"), stored.applied(any_base, [tmp_path / "one"]):
        raise RuntimeError("stopped")
    assert unchanged(any_base, before)


def test_changes_of_several_add_up_and_those_of_none_are_none(base: vlm.Base, tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    before = state(base)
    changes = []
    for seed, folder in enumerate(folders):
        saved(base, folder, seed)
        with stored.applied(base, [folder]):
            changes.append({name: value - before[name] for name, value in state(base).items()})
    with stored.applied(base, folders):
        for name, value in base.model.state_dict().items():
            torch.testing.assert_close(value, before[name] + changes[0][name] + changes[1][name])
    with stored.applied(base, []):
        assert unchanged(base, before)
    assert unchanged(base, before)


def test_peft_reads_the_folder_by_itself(base: vlm.Base, tmp_path: Path) -> None:
    saved(base, tmp_path / "bo")
    fresh = AutoModelForImageTextToText.from_pretrained(base.name)
    fresh = PeftModel.from_pretrained(fresh, tmp_path / "bo").merge_and_unload()
    with stored.applied(base, [tmp_path / "bo"]):
        mine = base.model.model.language_model.state_dict()
        theirs = fresh.model.language_model.state_dict()
        assert list(mine) == list(theirs) and all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_a_base_in_bfloat16_learns_in_float32_and_nearly_the_same(tmp_path: Path) -> None:
    folder, found = str(tiny.llava(tmp_path)), {}
    for dtype in ("float32", "bfloat16"):
        base = vlm.load(folder, dtype=dtype)
        features = seen(base, IMAGES)
        made = sequences.examples(base, SAMPLES, IMAGES)
        with put_on(base, checkpointing=True) as put:
            _, values = gradients(put, partial(Losses(base, put, features, 4).backward, made))
            assert {value.dtype for value in [*put.values, *put.projector_values]} == {torch.float32}
            kept = {value.dtype for tensors in put.snapshot().values() for value in tensors.values()}
            assert kept == {getattr(torch, dtype)}
        found[dtype] = torch.cat([value.flatten().float() for value in values])
    assert torch.cosine_similarity(*found.values(), dim=0) > 0.98


def test_the_rate_rises_for_its_warmup_and_falls_to_zero(base: vlm.Base) -> None:
    settings = SimpleNamespace(learning_rate=2e-4, projector_learning_rate=2e-5, weight_decay=0.0, warmup=0.1)
    with put_on(base) as put:
        optimizer, schedule = _optimizer(put, settings, 20)
        rates = []
        for _ in range(21):
            rates.append(schedule.get_last_lr())
            optimizer.step()
            schedule.step()
    assert rates[0] == [0.0, 0.0] and rates[2] == pytest.approx([2e-4, 2e-5])
    assert rates[11] == pytest.approx([1e-4, 1e-5]) and rates[20] == pytest.approx([0.0, 0.0], abs=1e-9)


def test_samples_that_are_too_long_are_left_out_and_told(
    base: vlm.Base, capsys: pytest.CaptureFixture[str]
) -> None:
    long = Sample("ball " * base.model.config.text_config.max_position_embeddings, "Yes", None, None)
    made = sequences.examples(base, [*SAMPLES, long], IMAGES)
    assert len(_fitting(base, made, None, "bo, training")) == len(SAMPLES)
    assert "warning: bo, training: 1 samples left out, longer than" in capsys.readouterr().err
    with pytest.raises(UserError, match=r"no sample fits into \d+ positions"):
        _fitting(base, made[-1:], None, "bo, training")
    lengths = sorted(example.length for example in made)
    kept = _fitting(base, made, lengths[1], "bo, training")
    assert sorted(example.length for example in kept) == lengths[:2]
    assert f"3 samples left out, longer than {lengths[1]} positions" in capsys.readouterr().err
