"""Learning a concept embedding: owns which photos and texts a step takes, and the steps.

Does not own where the vector stands, and so neither its loss (`learn`, `captioner`), nor texts
(`training_pairs`) or files (`concept`).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from common.core.errors import UserError
from common.core.progress import bar
from common.methods.myvlm.augment import augmented
from common.methods.myvlm.fitting_state import FittingState
from common.methods.myvlm.settings import Embeddings
from common.methods.myvlm.training_pairs import Pair
from common.training.curves import Curves

# Views of a step, by number, and the vector (1, D) float32 of length 1 → loss and attention penalty, () each.
Losses = Callable[[Sequence[int], torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
# All views, with what each is asked and answers, and the views of each step to come in their order.
Prepare = Callable[[Sequence[Image.Image], Sequence[Pair], Sequence[Sequence[int]]], Losses]


class ConceptPhoto(NamedTuple):
    """A train photo, RGB, and its tasks: lists of questions and answers, one of which is drawn."""

    image: Image.Image
    tasks: Sequence[Sequence[Pair]]


def optimize(
    width: int,
    device: torch.device,
    prepare: Prepare,
    photos: Sequence[ConceptPhoto],
    recipe: Embeddings,
    rng: np.random.Generator,
    title: str,
    curves: Curves,
    state: FittingState | None = None,
) -> dict[int, torch.Tensor]:
    """Learn one vector; return it, (1, D) float32 of length 1, after every `checkpoints` steps and the last.

    A step takes `recipe.batch_size` of the photos, or all if there are fewer. What an earlier run with the
    same `state` has reached is not learned again. Raises UserError when the loss is no longer finite.

    Args:
        width: D.
        device: of the vector.
        prepare: makes the losses of a step.
        photos: of the subject.
        recipe: of params.yaml.
        rng: draws photos, texts, changes and the start.
        title: of the progress bar.
        curves: of the training, if they are drawn.
        state: keeps where the training stands after every step that a vector is kept after.

    """
    at_once = min(recipe.batch_size, len(photos))
    drawn = _draw(photos, recipe.steps, at_once, rng)
    views = [augmented(photo.image, recipe.changes, rng) for photo, _ in drawn]
    steps = [step.tolist() for step in torch.arange(len(views)).split(at_once)]
    start = torch.from_numpy(rng.uniform(size=(1, width))).float().to(device)
    values = F.normalize(start).requires_grad_()
    optimizer = torch.optim.AdamW([values], lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    kept: dict[int, torch.Tensor] = {}
    reached = state.vector(title) if state else None
    if reached:
        kept, steps = reached["kept"], steps[reached["step"] :]
        values.data.copy_(reached["values"])
        optimizer.load_state_dict(reached["optimizer"])
        if not steps:
            return kept
    losses = prepare(views, [pair for _, pair in drawn], steps)
    for done, step in enumerate(bar(steps, f"{title}: steps"), recipe.steps - len(steps) + 1):
        loss, penalty = losses(step, F.normalize(values))
        total = loss + recipe.penalty_weight * penalty
        if not total.isfinite():
            raise UserError(f"{title} diverged at step {done}: lower its embedding.learning_rate")
        optimizer.zero_grad()
        total.backward()
        norm = torch.nn.utils.clip_grad_norm_([values], recipe.clip)
        optimizer.step()
        curves.add(
            "vector", done, {"loss": loss.detach(), "penalty": penalty.detach(), "gradient_norm": norm}
        )
        if done % recipe.checkpoints == 0 or done == recipe.steps:
            kept[done] = F.normalize(values.detach()).cpu()
            curves.write()
            if state:
                reached = {"step": done, "values": values.detach(), "optimizer": optimizer.state_dict()}
                state.keep("vector", reached | {"kept": kept})
    return kept


def _draw(
    photos: Sequence[ConceptPhoto], steps: int, at_once: int, rng: np.random.Generator
) -> list[tuple[ConceptPhoto, Pair]]:
    """Choose the photos of all steps, none twice in one, and of each a task and one of its pairs."""
    chosen = []
    for _ in range(steps):
        for number in rng.permutation(len(photos))[:at_once]:
            task = photos[number].tasks[rng.integers(len(photos[number].tasks))]
            chosen.append((photos[number], task[rng.integers(len(task))]))
    return chosen
