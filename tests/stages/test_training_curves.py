"""Curves for TensorBoard: drawn is what was measured, only on request, and outputs stay as they are."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from common import vlm
from common.core import paths
from common.methods.lora import adapter
from common.methods.lora.learn import learn
from common.methods.lora.settings import LoraSettings
from common.methods.myvlm import heads
from common.methods.myvlm.optimize import optimize
from common.training import curves, samples
from stages.train.__main__ import main
from tests.support.helpers import set_params
from tests.support.train_helpers import EVERYTHING, curve, prepare
from tests.unit import test_myvlm_heads, test_myvlm_steps


@pytest.fixture
def drawn(workspace: Path, tiny_llava: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that curves are asked for in."""
    prepare(tiny_llava)
    monkeypatch.setenv(curves.VARIABLE, "logs")
    return workspace / "logs"


def read(run: Path) -> dict[str, dict[int, float]]:
    """What TensorBoard shows of a run: values by name and step."""
    events = EventAccumulator(str(run), size_guidance={"scalars": 0}).Reload()
    return {
        name: {event.step: event.value for event in events.Scalars(name)} for name in events.Tags()["scalars"]
    }


def outputs() -> list[bytes]:
    files = [*sorted(paths.subject_model("bo").iterdir()), paths.train_curve("bo")]
    return [path.read_bytes() for path in files]


def test_losses_and_norms_by_step_and_accuracy_by_epoch(drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main("bo")
    shown, rows, with_curves = read(drawn / "train/bo"), curve("bo"), outputs()
    losses = shown["step/loss"]
    assert list(losses) == list(range(1, 10))  # 9 samples in batches of 4, 4 and 1, 3 epochs
    assert all(shown[name].keys() == losses.keys() for name in shown if name.startswith("step/"))
    norms = {name.partition("/")[2] for name in shown if name.startswith("step/") and name != "step/loss"}
    parts = ("embeddings", "output_row")
    assert norms == {f"{kind}/{part}" for kind in ("norm", "gradient_norm") for part in parts}
    for epoch, (_, loss, positive, negative, weighted) in enumerate(rows.tolist(), 1):
        first = 3 * epoch - 2
        mean = (4 * losses[first] + 4 * losses[first + 1] + losses[first + 2]) / 9
        assert mean == pytest.approx(loss, rel=1e-5)
        scores = [shown[f"epoch/{name}"][epoch] for name in ("loss", "positive", "negative", "weighted")]
        assert scores == pytest.approx([loss, positive, negative, weighted])
    last = vlm.SoftPrompt.load(paths.subject_model("bo"))
    if last.info["validation"]["epoch"] == 3:
        assert shown["step/norm/embeddings"][9] == pytest.approx(last.embeddings.norm().item())

    set_params({"train.learning_rate": 0.03, "train.epochs": 2})
    main("bo")
    again = read(drawn / "train/bo")
    assert list(again["step/loss"]) == list(range(1, 7)) and list(again["epoch/loss"]) == [1, 2]
    assert again["step/loss"][6] != losses[6]  # the new run alone is shown

    set_params({"train.learning_rate": 0.02, "train.epochs": 3})
    monkeypatch.delenv(curves.VARIABLE)
    before = sorted(drawn.rglob("*"))
    main("bo")
    assert outputs() == with_curves and sorted(drawn.rglob("*")) == before


def test_lora_draws_its_loss(drawn: Path, tiny_llava: Path) -> None:
    base = vlm.load(str(tiny_llava))
    settings = LoraSettings(
        method="lora", title="LoRA", scope="subject", rank=2, alpha=4, dropout=0.0, learning_rate=0.01,
        projector_learning_rate=None, warmup=0.0, weight_decay=0.0, max_grad_norm=1.0, epochs=2, batch_size=4,
        balance=True, gradient_checkpointing=False,
    )  # fmt: skip
    config = adapter.describe(base, rank=2, alpha=4, dropout=0.0)
    training_set = samples.TrainingSet.of(samples.read_rows(paths.dataset("bo"), **EVERYTHING), balance=True)
    mine = curves.Curves("lora/bo")
    _, learned = learn(base, config, training_set, "bo", settings, seed=0, micro_batch_size=4, curves=mine)
    shown = read(drawn / "lora/bo")
    assert list(shown["step/loss"]) == list(shown["step/gradient_norm"]) == list(range(1, 7))
    for row in learned["curve"]:
        assert shown["epoch/loss"][row["epoch"]] == pytest.approx(row["loss"], abs=1e-5)
        assert shown["epoch/weighted"][row["epoch"]] == pytest.approx(row["weighted"])


def test_myvlm_draws_the_head_and_the_vector(drawn: Path) -> None:
    around, recipe = test_myvlm_heads.around, test_myvlm_heads.RECIPE
    mine = curves.Curves("myvlm/bo")
    generator = test_myvlm_heads.generator()
    heads.train(around([1, 0, 0], 5, 1), around([0, 1, 0], 200, 2), recipe, generator, mine)
    photos, seen, rng = test_myvlm_steps.photos(), test_myvlm_steps.Seen(), np.random.default_rng(0)
    optimize(4, torch.device("cpu"), seen.prepare, photos, test_myvlm_steps.RECIPE, rng, "bo", mine)
    shown = read(drawn / "myvlm/bo")
    head, loss = shown["head/loss"], shown["vector/loss"]
    assert list(head) == list(range(1, 201)) and head[200] < 0.1 * head[1]
    assert list(loss) == list(range(1, 61)) and loss[60] < 0.1 * loss[1]
    assert shown["vector/penalty"].keys() == shown["vector/gradient_norm"].keys() == loss.keys()


def test_nothing_is_drawn_or_imported_without_the_variable(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(curves.VARIABLE, raising=False)
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    before = sorted(workspace.rglob("*"))
    off = curves.Curves("train/bo")
    off.add("step", 1, {"loss": 1.0})
    off.write()
    assert not off and sorted(workspace.rglob("*")) == before
    assert "torch.utils.tensorboard" not in sys.modules
