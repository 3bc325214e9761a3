"""python -m tests.support.lora_processes MODEL FOLDER: one of the processes that learn what one does alone.

First data parallel, then FSDP. Accelerate has the latter for GPUs alone: here its state is told that this is
such a one, and everything else is accelerate's and torch's, on CPUs.
"""

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from common import vlm
from common.methods.lora import adapter, launching
from common.methods.lora.learn import learn
from common.methods.lora.losses import Losses
from common.methods.lora.processes import ALONE, Processes, whole
from common.methods.lora.run import _optimizer
from common.methods.lora.sequences import examples
from common.methods.lora.settings import EarlyStop, LoraSettings
from common.training.checkpoint import Checkpoint
from common.training.curves import Curves
from common.training.samples import TrainingSet
from tests.support.lora_helpers import IMAGES, SAMPLES, plain_projector, seen, state, unchanged

SETTINGS = LoraSettings(
    method="lora", title="LoRA", scope="subject", rank=2, alpha=4, dropout=0.0, learning_rate=0.01,
    projector_learning_rate=0.002, warmup=0.0, weight_decay=0.0, max_grad_norm=1.0, epochs=3, batch_size=4,
    balance=True, gradient_checkpointing=False, group_by_modality=True,
    early_stop=EarlyStop(held_out=0.3, patience=3),
)  # fmt: skip
WHOLE = {"rank": None, "learning_rate": 0.001, "projector_learning_rate": None}


def gradients(base: vlm.Base, processes: Processes = ALONE) -> list[torch.Tensor]:
    """The loss of SAMPLES and its gradients, of which the projector's come last."""
    features, made = seen(base, IMAGES), examples(base, SAMPLES, IMAGES)
    trains = plain_projector(base) is not None
    config = adapter.describe(base, rank=4, alpha=8, dropout=0.0, train_projector=trains)
    options = {"train_projector": trains, "checkpointing": True}
    with processes.own(base) as held, adapter.attached(held, config, 0, **options) as put:
        losses = Losses(held, put, features, 2, processes)
        optimizer, _ = _optimizer(put, SETTINGS, 1)
        losses.prepare(optimizer)
        loss = losses.backward(made)
        learned = [value for group in optimizer.param_groups for value in group["params"]]
        return [loss, *(whole(value.grad).clone() for value in learned)]


class Stopped(Curves):
    """Ends a training in its third epoch."""

    def write(self) -> None:
        self.left = getattr(self, "left", 3) - 1
        if not self.left:
            raise InterruptedError


def trained(
    base: vlm.Base,
    processes: Processes = ALONE,
    checkpoint: Checkpoint | None = None,
    curves: Curves | None = None,
    **changes: Any,
) -> tuple[dict[str, torch.Tensor], list[dict[str, Any]]]:
    """What SAMPLES teach in three epochs, by name, and the curve."""
    settings = SETTINGS.model_copy(update=changes)
    config = adapter.describe(
        base,
        rank=settings.rank,
        alpha=settings.alpha,
        dropout=settings.dropout,
        train_projector=settings.projector_learning_rate is not None,
    )
    asked = [sample for sample in SAMPLES if sample.label is not None]
    training_set = TrainingSet(IMAGES, SAMPLES * 3, asked, asked)
    values, told = learn(
        base, config, training_set, "bo", settings, seed=0, micro_batch_size=2,
        curves=Curves("bo") if curves is None else curves, checkpoint=checkpoint, processes=processes,
    )  # fmt: skip
    return {name: value for tensors in values.values() for name, value in tensors.items()}, told["curve"]


def resumed(
    base: vlm.Base, processes: Processes, checkpoint: Checkpoint
) -> list[tuple[dict[str, torch.Tensor], list[dict[str, Any]]]]:
    """With dropout, in one go, and ended in the third epoch and gone on with."""
    unbroken = trained(base, processes, dropout=0.2)
    with suppress(InterruptedError):
        trained(base, processes, checkpoint, Stopped("bo"), dropout=0.2)
    processes.gather(None)  # the first has written it
    state = checkpoint.load()
    assert state is not None and len(state["curve"]) == 2
    return [unbroken, trained(base, processes, checkpoint, dropout=0.2)]


def _shard() -> None:
    """Tell accelerate that it is on GPUs with FSDP of version 2."""
    from accelerate import FullyShardedDataParallelPlugin
    from accelerate.state import AcceleratorState, PartialState
    from accelerate.utils import DistributedType

    AcceleratorState().fsdp_plugin = FullyShardedDataParallelPlugin(
        fsdp_version=2, auto_wrap_policy="transformer_based_wrap"
    )
    PartialState().distributed_type = DistributedType.FSDP


def main(model: str, folder: str) -> None:
    """Write what each process has."""
    torch.set_num_threads(1)
    for way in ("data", "fsdp"):
        if way == "fsdp":
            _shard()
        base, processes = launching.join(lambda: vlm.load(model))
        before = state(base)
        found = {
            "sharded": processes.sharded,
            "gradients": gradients(base, processes),
            "adapter": trained(base, processes),
            "all weights": trained(base, processes, **WHOLE),
            "resumed": resumed(base, processes, Checkpoint.of(Path(folder, f"{way}-state.pt"))),
            "unchanged": unchanged(base, before),
        }
        torch.save(found, Path(folder) / f"{way}-{processes.rank}.pt")
    processes.leave()


if __name__ == "__main__":
    main(*sys.argv[1:])
