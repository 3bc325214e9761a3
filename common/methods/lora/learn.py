"""Training of one adapter, from the base's own answers to the best epoch.

The recipe is that of LLaVA's LoRA script (AdamW, cosine with warmup, clipped gradients), with two things in
common with the soft prompt: a sample's loss is the mean over its answers, whatever their length, and the
epoch kept is the best on the validation rows, or, with `early_stop`, on questions that are not learned. Owns
losses and what an epoch is judged by. Does not own adapters (`adapter`), steps (`run`), forwards
(`sequences`), others' conversations (`conversations`) or which rows there are (`training.samples`).
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import nn

from common import vlm
from common.core.errors import UserError
from common.core.progress import say
from common.core.seed import stream, torch_stream
from common.methods.lora.adapter import Learned, Values, attached, unfrozen
from common.methods.lora.conversations import load, sequences
from common.methods.lora.early_stop import held_out
from common.methods.lora.pictures import Features, vision_features
from common.methods.lora.rows import Row, draw_batches, forwards
from common.methods.lora.run import AdapterRun
from common.methods.lora.sequences import Example, examples, predict
from common.training.checkpoint import Checkpoint
from common.training.curves import Curves
from common.training.samples import Sample, TrainingSet, balanced_accuracy

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
    epochs = [draw_batches(training, settings.batch_size, shuffle) for _ in range(settings.epochs)]
    start = torch_stream(seed, "lora", name, "values").initial_seed()
    how = {"train_projector": trains, "checkpointing": settings.gradient_checkpointing}
    put_on = attached(base, config, start, **how) if config else unfrozen(base, **how)
    with put_on as adapter:
        step = partial(backward, base, adapter, features, micro_batch_size=micro_batch_size)
        run = AdapterRun(adapter, epochs, settings, step, name=name, curves=curves)
        if checkpoint and (state := checkpoint.load()):
            run.resume(state)
            say(f"{name}: training goes on after epoch {len(run.curve)}, which an earlier run has reached")
        for loss in run.epochs():
            if not math.isfinite(loss):
                raise UserError(
                    f"training {name} diverged in epoch {len(run.curve) + 1}: lower learning_rate of its "
                    "section under methods in params.yaml"
                )
            scores = validate(base, adapter, features, validation, micro_batch_size)
            if asked:
                scores["held_out_loss"] = mean_loss(base, adapter, features, asked, micro_batch_size)
            run.judge({"loss": round(loss, 6), **scores})
            curves.add("epoch", len(run.curve), {"loss": loss, **scores})
            curves.write()
            if checkpoint:
                checkpoint.save(run.state())
    steps = sum(map(len, epochs))
    return run.values, {
        "validation": run.best, "curve": run.curve, "samples": len(training), "steps": steps
    }  # fmt: skip


def backward(
    base: vlm.Base, adapter: Learned, features: Features, batch: Sequence[Example], micro_batch_size: int
) -> torch.Tensor:
    """Add the gradient of the batch's mean loss; return the sum of its losses, () float32 on the device.

    A sample's loss is the mean cross-entropy over its answer and end token, times its weight.
    """
    total = torch.zeros((), device=base.device)
    for rows in forwards(batch, micro_batch_size):
        weights = torch.tensor([example.sample.weight for row in rows for example in row])
        losses = mean_losses(base, adapter.projector, features, rows)
        loss = losses @ vlm.to_device(weights, base.device)
        (loss / len(batch)).backward()
        total += loss.detach()
    return total


def mean_losses(
    base: vlm.Base, projector: nn.Module | None, features: Features, rows: Sequence[Row]
) -> torch.Tensor:
    """Mean cross-entropy over each example's answers and end tokens, (B,) float32 on the device."""
    predicted = predict(base, projector, features, rows)
    losses = F.cross_entropy(predicted.logits, predicted.targets, reduction="none")  # (N,)
    lengths = torch.tensor([example.supervised for row in rows for example in row])
    sums = losses.new_zeros(len(lengths)).index_add(0, predicted.samples, losses)
    return sums / vlm.to_device(lengths, losses.device)


@torch.no_grad()
def mean_loss(
    base: vlm.Base, adapter: Learned, features: Features, asked: Sequence[Example], micro_batch_size: int
) -> float:
    """Mean over samples of the mean cross-entropy over each one's answers."""
    adapter.model.eval()
    total = sum(
        mean_losses(base, adapter.projector, features, rows).sum().item()
        for rows in forwards(asked, micro_batch_size)
    )
    adapter.model.train()
    return round(total / len(asked), 6)


@torch.no_grad()
def validate(
    base: vlm.Base,
    adapter: Learned,
    features: Features,
    validation: Sequence[Example],
    micro_batch_size: int,
) -> dict[str, float]:
    """`balanced_accuracy` of the validation samples: of Yes and No, is the right one likelier at first?"""
    yes, no = map(base.layout.first_id, ("Yes", "No"))
    asked: list[Sample] = []
    said: list[bool] = []
    adapter.model.eval()
    for rows in forwards(validation, micro_batch_size):
        predicted = predict(base, adapter.projector, features, rows)
        first = predicted.samples.diff(prepend=predicted.samples.new_tensor([-1])) > 0
        logits = predicted.logits[first]
        said += (logits[:, yes] > logits[:, no]).tolist()
        asked += [example.sample for row in rows for example in row]
    adapter.model.train()
    return balanced_accuracy(asked, said)


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
