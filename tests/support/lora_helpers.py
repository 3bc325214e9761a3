"""An adapter on a base, its gradients, and whether the base is as before."""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from PIL import Image

from common import vlm
from common.methods.lora import adapter, pictures, sequences, stored
from common.methods.lora.rows import forwards
from common.training.samples import Sample
from common.vlm.families import INTERLEAVED
from common.vlm.suffix import IGNORE
from tests.support.vlm_helpers import full_inputs, noise_images

IMAGES = noise_images(3)
SAMPLES = [
    Sample("Can you see <bo> in this photo?", "Yes", 0, True, weight=2.0),
    Sample("Is it <bo>?", "No, I do not see <bo> in this photo.", 2, False),
    Sample("What color is <bo>?", "<bo> is brown.", None, None, weight=0.5),
    Sample("Describe it.", "A cat.", 0, None),
]


def plain_projector(base: vlm.Base) -> torch.nn.Module | None:
    """The base's own, where the family has one that can be trained."""
    interleaved = base.model.config.model_type in INTERLEAVED
    return base.model.get_submodule(pictures.PROJECTOR) if interleaved else None


def seen(base: vlm.Base, images: Sequence[Image.Image]) -> pictures.Features:
    """Features of pictures, for `plain_projector` or a trained one."""
    return pictures.vision_features(base, images, 2, train_projector=plain_projector(base) is not None)


@contextmanager
def put_on(base: vlm.Base, seed: int = 0, *, checkpointing: bool = False) -> Iterator[adapter.Learned]:
    """An adapter, with projector where there is one, whose values all differ from their start."""
    trains = plain_projector(base) is not None
    config = adapter.describe(base, rank=4, alpha=8, dropout=0.0, train_projector=trains)
    options = {"train_projector": trains, "checkpointing": checkpointing}
    with adapter.attached(base, config, seed, **options) as put:
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for value in [*put.values, *put.projector_values]:
                value += 0.05 * torch.randn(value.shape, generator=generator)
        yield put


def gradients(put: adapter.Learned, loss: Callable[[], torch.Tensor]) -> tuple[float, list[torch.Tensor]]:
    """The loss and what it adds to the gradients."""
    values = [*put.values, *put.projector_values]
    for value in values:
        value.grad = None
    return loss().item(), [value.grad.clone() for value in values]


def plain_loss(base: vlm.Base) -> torch.Tensor:
    """The mean weighted loss of SAMPLES by the plain model, a sample at a time, with its gradients."""
    total = torch.zeros(())
    for sample in SAMPLES:
        image = None if sample.image is None else IMAGES[sample.image]
        suffix = vlm.suffix(base, None, sample.question, sample.answer, image=image is not None)
        inputs = full_inputs(base, image, suffix)
        before = inputs["input_ids"].shape[1] - len(suffix.ids)
        labels = torch.tensor([[IGNORE] * before + suffix.labels])
        loss = base.model(**inputs, labels=labels).loss * sample.weight / len(SAMPLES)
        loss.backward()
        total += loss.detach()
    return total


def state(base: vlm.Base) -> dict[str, torch.Tensor]:
    return copy.deepcopy(base.model.state_dict())


def unchanged(base: vlm.Base, before: dict[str, torch.Tensor]) -> bool:
    """The same modules' names, weights to the last bit, in eval mode, nothing to be learned."""
    now = base.model.state_dict()
    return (
        list(now) == list(before)
        and all(torch.equal(now[name], before[name]) for name in before)
        and not any(module.training for module in base.model.modules())
        and not any(value.requires_grad for value in base.model.parameters())
    )


def logits(base: vlm.Base, projector: torch.nn.Module | None) -> torch.Tensor:
    features = seen(base, IMAGES)
    made = sequences.examples(base, SAMPLES, IMAGES)
    with torch.no_grad():
        found = [sequences.predict(base, projector, features, rows).logits for rows in forwards(made, 4)]
    return torch.cat(found)


def saved(base: vlm.Base, folder: Path, seed: int = 0) -> torch.Tensor:
    """Write an adapter; return what the base with it says."""
    with put_on(base, seed) as put:
        config = put.model.peft_config["default"]
        stored.save(folder, base, config, put.snapshot(), {})
        put.model.eval()
        return logits(base, put.projector)
