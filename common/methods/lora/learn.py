"""Training of one adapter, from the base's own answers to the best epoch.

The recipe is that of LLaVA's LoRA script (AdamW, cosine with warmup, clipped gradients), with two things in
common with the soft prompt: a sample's loss is the mean over its answers, whatever their length, and the
epoch kept is the best on the validation rows, or, with `early_stop`, on questions that are not learned. Owns
what is learned in which order. Does not own adapters (`adapter`), steps (`run`), losses (`losses`), others'
conversations (`conversations`) or which rows there are (`training.samples`).
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from common import vlm
from common.core.errors import UserError
from common.core.progress import say
from common.core.seed import stream, torch_stream
from common.methods.lora.adapter import Values, attached, unfrozen
from common.methods.lora.conversations import load, sequences
from common.methods.lora.early_stop import held_out
from common.methods.lora.losses import Losses
from common.methods.lora.pictures import vision_features
from common.methods.lora.processes import ALONE, Processes
from common.methods.lora.rows import draw_batches
from common.methods.lora.run import AdapterRun
from common.methods.lora.sequences import Example, examples
from common.training.checkpoint import Checkpoint
from common.training.curves import Curves
from common.training.samples import TrainingSet

if TYPE_CHECKING:
    from peft import LoraConfig

    from common.methods.lora.settings import LoraSettings


def learn(
    base: vlm.Base,
    config: "LoraConfig | None",
    training_set: TrainingSet,
    name: str,
    settings: "LoraSettings",
    *,
    seed: int,
    micro_batch_size: int,
    curves: Curves,
    checkpoint: Checkpoint | None = None,
    processes: Processes = ALONE,
) -> tuple[Values, dict[str, Any]]:
    """Train an adapter; return its values after the best epoch, the latest of equal ones, and the curve.

    Args:
        base: the model, unchanged afterwards.
        config: of the adapter; None to learn all weights of the language model instead.
        training_set: what is learned.
        name: of what is learned, for random streams and messages.
        settings: of the method.
        seed: the global one.
        micro_batch_size: samples per forward.
        curves: of the training, if they are drawn.
        checkpoint: training goes on after the epoch that it was saved after, and is saved after each.
        processes: that learn together; each returns the same.

    Raises:
        UserError: no sample fits into the model's context, the loss is no longer finite, or others'
            conversations cannot be read.

    """
    own, questions = held_out(training_set.training, settings.early_stop, seed, name)
    pictures, others = [], []
    if settings.conversations:
        draws = stream(seed, "lora", name, "conversations")
        pictures, others = load(settings.conversations, len(own), len(training_set.images), draws)
        own = [] if settings.conversations.share == 1 else own
    images, trains = [*training_set.images, *pictures], settings.projector_learning_rate is not None
    features = vision_features(base, images, micro_batch_size, train_projector=trains)
    made = [*examples(base, own, images), *sequences(base, others, images)]
    training = _fitting(base, made, settings.max_length, f"{name}, training")
    validation = _fitting(base, examples(base, training_set.validation, images), None, f"{name}, validation")
    asked = examples(base, questions, images)
    shuffle = torch_stream(seed, "lora", name, "order")
    grouped = settings.group_by_modality
    epochs = [
        draw_batches(training, settings.batch_size, shuffle, group_by_modality=grouped)
        for _ in range(settings.epochs)
    ]
    start = torch_stream(seed, "lora", name, "values").initial_seed()
    how = {"train_projector": trains, "checkpointing": settings.gradient_checkpointing}
    with (
        processes.own(base) as held,
        attached(held, config, start, **how) if config else unfrozen(held, **how) as adapter,
    ):
        if processes.rank:
            torch.manual_seed(start + processes.rank)  # of dropout, not of the first values
        losses = Losses(held, adapter, features, micro_batch_size, processes)
        run = AdapterRun(
            adapter, epochs, settings, losses.backward, name=name, curves=curves, processes=processes
        )
        losses.prepare(run.optimizer)
        if checkpoint and (state := checkpoint.load()):
            run.resume(state)
            say(f"{name}: training goes on after epoch {len(run.curve)}, which an earlier run has reached")
        for loss in run.epochs():
            if not math.isfinite(loss):
                raise UserError(
                    f"training {name} diverged in epoch {len(run.curve) + 1}: lower learning_rate of its "
                    "section under methods in params.yaml"
                )
            scores = losses.validate(validation)
            if asked:
                scores["held_out_loss"] = losses.mean(asked)
            run.judge({"loss": round(loss, 6), **scores})
            curves.add("epoch", len(run.curve), {"loss": loss, **scores})
            curves.write()
            if checkpoint:
                state = run.state()
                if processes.rank == 0:
                    checkpoint.save(state)
    steps = sum(map(len, epochs))
    return run.values, {
        "validation": run.best, "curve": run.curve, "samples": len(training), "steps": steps
    }  # fmt: skip


def _fitting(base: vlm.Base, made: Sequence[Example], longest: int | None, what: str) -> list[Example]:
    """Those of at most `longest` positions that the model has room for, with a warning about the others."""
    room = min(longest or math.inf, base.model.config.get_text_config().max_position_embeddings)
    fitting = [example for example in made if example.length <= room]
    if not fitting:
        raise UserError(
            f"{what}: no sample fits into {room} positions of {base.name}: raise max_length of the section, "
            "or use another base.vlm.model"
        )
    if len(fitting) < len(made):
        left_out = len(made) - len(fitting)
        say(f"warning: {what}: {left_out} samples left out, longer than {room} positions")
    return fitting
