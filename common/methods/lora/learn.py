"""Training of one adapter, from the base's own answers to the best epoch.

The recipe is that of LLaVA's LoRA script (AdamW, cosine with warmup, clipped gradients), with two things in
common with the soft prompt: a sample's loss is the mean over its answers, whatever their length, and the
epoch kept is the best on the validation rows, or, with `early_stop`, on questions that are not learned. Owns
steps and that choice. Does not own adapters (`adapter`), forwards (`sequences`), others' conversations
(`conversations`) or which rows there are (`training.samples`).
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from transformers import get_cosine_schedule_with_warmup

from common import vlm
from common.core.errors import UserError
from common.core.progress import bar, say
from common.core.seed import stream, torch_stream
from common.methods.lora.adapter import Adapter, Values, attached
from common.methods.lora.conversations import load, sequences
from common.methods.lora.early_stop import best_epoch, held_out
from common.methods.lora.sequences import Example, examples, predict, vision_features
from common.training.curves import Curves
from common.training.samples import TrainingSet, balanced_accuracy

if TYPE_CHECKING:
    from peft import LoraConfig

    from common.methods.lora import LoraSettings


def learn(
    base: vlm.Base,
    config: "LoraConfig",
    training_set: TrainingSet,
    name: str,
    settings: "LoraSettings",
    *,
    seed: int,
    micro_batch_size: int,
    curves: Curves,
) -> tuple[Values, dict[str, Any]]:
    """Train an adapter; return its values after the best epoch, the latest of equal ones, and the curve.

    Args:
        base: the model, unchanged afterwards.
        config: of the adapter.
        training_set: what is learned.
        name: of what is learned, for random streams and messages.
        settings: of the method.
        seed: the global one.
        micro_batch_size: samples per forward.
        curves: of the training, if they are drawn.

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
    features = vision_features(base, [*training_set.images, *pictures], micro_batch_size)
    tokens, longest = features.shape[1], settings.max_length
    made = [*examples(base, own, tokens), *sequences(base, others, tokens)]
    training = _fitting(base, made, longest, f"{name}, training")
    validation = _fitting(base, examples(base, training_set.validation, tokens), None, f"{name}, validation")
    asked = examples(base, questions, tokens)
    shuffle = torch_stream(seed, "lora", name, "order")
    orders = [
        torch.randperm(len(training), generator=shuffle).split(settings.batch_size)
        for _ in range(settings.epochs)
    ]
    start = torch_stream(seed, "lora", name, "values").initial_seed()
    curve: list[dict[str, Any]] = []
    with attached(
        base,
        config,
        start,
        train_projector=settings.projector_learning_rate is not None,
        checkpointing=settings.gradient_checkpointing,
    ) as adapter:
        steps = sum(map(len, orders))
        optimizer, schedule = _optimizer(adapter, settings, steps)
        with bar(steps, f"{name}: steps") as progress:
            for epoch, order in enumerate(orders, 1):
                total = torch.zeros((), device=base.device)
                for batch in order:
                    losses = backward(base, adapter, features, [training[i] for i in batch], micro_batch_size)
                    total += losses
                    norm = torch.nn.utils.clip_grad_norm_(
                        adapter.lora + adapter.projector_values, settings.max_grad_norm
                    )
                    optimizer.step()
                    schedule.step()
                    optimizer.zero_grad()
                    progress.update()
                    curves.add(
                        "step", schedule.last_epoch, {"loss": losses / len(batch), "gradient_norm": norm}
                    )
                loss = total.item() / len(training)
                if not math.isfinite(loss):
                    raise UserError(
                        f"training {name} diverged in epoch {epoch}: lower learning_rate of its section "
                        "under methods in params.yaml"
                    )
                scores = validate(base, adapter, features, validation, micro_batch_size)
                if asked:
                    scores["held_out_loss"] = mean_loss(base, adapter, features, asked, micro_batch_size)
                curve.append({"epoch": epoch, "loss": round(loss, 6), **scores})
                curves.add("epoch", epoch, {"loss": loss, **scores})
                curves.write()
                if curve[-1] is best_epoch(curve):
                    best, values = curve[-1], adapter.snapshot()
                elif settings.early_stop and epoch - best["epoch"] >= settings.early_stop.patience:
                    break
    return values, {"validation": best, "curve": curve, "samples": len(training), "steps": steps}


def backward(
    base: vlm.Base, adapter: Adapter, features: torch.Tensor, batch: Sequence[Example], micro_batch_size: int
) -> torch.Tensor:
    """Add the gradient of the batch's mean loss; return the sum of its losses, () float32 on the device.

    A sample's loss is the mean cross-entropy over its answer and end token, times its weight.
    """
    total = torch.zeros((), device=base.device)
    ordered = sorted(batch, key=lambda example: len(example.ids))
    for part in (ordered[i : i + micro_batch_size] for i in range(0, len(ordered), micro_batch_size)):
        predicted = predict(base, adapter.projector, features, part)
        losses = F.cross_entropy(predicted.logits, predicted.targets, reduction="none")  # (N,)
        shares = torch.tensor([example.sample.weight / example.supervised for example in part])
        loss = (losses * vlm.to_device(shares, base.device)[predicted.rows]).sum()
        (loss / len(batch)).backward()
        total += loss.detach()
    return total


@torch.no_grad()
def mean_loss(
    base: vlm.Base, adapter: Adapter, features: torch.Tensor, asked: Sequence[Example], micro_batch_size: int
) -> float:
    """Mean over samples of the mean cross-entropy over each one's answers."""
    total = 0.0
    adapter.model.eval()
    for start in range(0, len(asked), micro_batch_size):
        part = asked[start : start + micro_batch_size]
        predicted = predict(base, adapter.projector, features, part)
        losses = F.cross_entropy(predicted.logits, predicted.targets, reduction="none")  # (N,)
        shares = torch.tensor([1 / example.supervised for example in part], device=losses.device)
        total += (losses * shares[predicted.rows]).sum().item()
    adapter.model.train()
    return round(total / len(asked), 6)


@torch.no_grad()
def validate(
    base: vlm.Base,
    adapter: Adapter,
    features: torch.Tensor,
    validation: Sequence[Example],
    micro_batch_size: int,
) -> dict[str, float]:
    """`balanced_accuracy` of the validation samples: of Yes and No, is the right one likelier at first?"""
    yes, no = map(base.layout.first_id, ("Yes", "No"))
    said: list[bool] = []
    adapter.model.eval()
    for start in range(0, len(validation), micro_batch_size):
        predicted = predict(base, adapter.projector, features, validation[start : start + micro_batch_size])
        first = predicted.rows.diff(prepend=predicted.rows.new_tensor([-1])) > 0
        logits = predicted.logits[first]
        said += (logits[:, yes] > logits[:, no]).tolist()
    adapter.model.train()
    return balanced_accuracy([example.sample for example in validation], said)


def _fitting(base: vlm.Base, made: Sequence[Example], longest: int | None, what: str) -> list[Example]:
    """Those of at most `longest` positions that the model has room for, with a warning about the others."""
    room = min(longest or math.inf, base.model.config.text_config.max_position_embeddings)
    fitting = [example for example in made if len(example.ids) <= room]
    if not fitting:
        raise UserError(
            f"{what}: no sample fits into {room} positions of {base.name}: raise max_length of the section, "
            "or use another base.vlm.model"
        )
    if len(fitting) < len(made):
        left_out = len(made) - len(fitting)
        say(f"warning: {what}: {left_out} samples left out, longer than {room} positions")
    return fitting


def _optimizer(
    adapter: Adapter, settings: "LoraSettings", steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    groups = [{"params": adapter.lora, "lr": settings.learning_rate}]
    if adapter.projector_values:
        groups.append({"params": adapter.projector_values, "lr": settings.projector_learning_rate})
    optimizer = torch.optim.AdamW(groups, weight_decay=settings.weight_decay)
    warmup = math.ceil(settings.warmup * steps)
    return optimizer, get_cosine_schedule_with_warmup(optimizer, warmup, steps)
