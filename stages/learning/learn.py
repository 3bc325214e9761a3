"""Training from the start of the rows to the best epoch, every image prefix computed once.

Owns the start, validation and the choice of the epoch. Does not own the steps (`steps`), the rows' files
(`vlm.SoftPrompt`) or which samples there are (`samples`). A killed run starts again from nothing: no file is
written before the end, and the whole takes minutes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch

from stages import vlm
from stages.core.errors import UserError
from stages.core.samples import Lesson, Sample, pooled, told_rightly
from stages.core.seed import torch_stream
from stages.learning.steps import Learner, Recipe, epochs, names, widest
from stages.vlm.layout import LATENT

Learned = tuple[vlm.SoftPrompt, list[dict[str, Any]]]  # of the best epoch; the curve, one row per epoch


def learn(
    base: vlm.Base,
    lessons: Mapping[str, Lesson],
    recipe: Recipe,
    starts: Mapping[str, vlm.SoftPrompt] | None = None,
) -> dict[str, Learned]:
    """Train subjects (id → lesson) side by side; each learns what it would learn alone.

    `starts` holds the rows before training; None for those that the recipe asks for.

    The best epoch is, as in the paper, the one with the highest mean of the shares of positives and of
    negatives told rightly on the validation samples; of equal ones, the latest.

    Raises UserError when a loss is no longer finite.
    """
    lessons = pooled(lessons)
    starts = starts or {subject: start(base, subject, lesson, recipe) for subject, lesson in lessons.items()}
    best = dict(starts)
    curves: dict[str, list[dict[str, Any]]] = {subject: [] for subject in lessons}
    learners = [
        Learner.of(base, best[subject], lesson.training, recipe) for subject, lesson in lessons.items()
    ]
    images = next(iter(lessons.values())).images  # of all lessons
    # Validation asks one question a row, without gradients: a row takes half as much as one of training.
    rows = max(widest(learners, recipe), math.ceil(recipe.scored_at_once / 2))
    prefixes = vlm.encode_prefixes(
        base, images, recipe.scored_at_once, working_rows=rows, progress=f"{names(learners)}: images"
    )
    for learner, loss in epochs(base, learners, prefixes, recipe):
        prompt, curve = learner.snapshot(), curves[learner.subject]
        if not math.isfinite(loss.item()):
            raise UserError(
                f"training {learner.subject} diverged in epoch {len(curve) + 1}: lower train.learning_rate"
            )
        validation = lessons[learner.subject].validation
        scores = validate(base, prompt, validation, prefixes, recipe.scored_at_once)
        curve.append({"epoch": len(curve) + 1, "loss": round(loss.item(), 6), **scores})
        if scores["weighted"] == max(row["weighted"] for row in curve):
            best[learner.subject] = prompt
            prompt.info["validation"] = curve[-1]
    for learner in learners:
        prompt = best[learner.subject]
        prompt.info.update(
            base={
                "model": base.name,
                "dtype": str(base.model.dtype).removeprefix("torch."),
                "fingerprint": base.fingerprint,
            },
            layout=_layout(base, prompt),
            training=asdict(recipe) | {"samples": len(learner.samples), "steps": len(learner.batches)},
        )
    return {subject: (best[subject], curves[subject]) for subject in lessons}


def start(
    base: vlm.Base, subject: str, lesson: Lesson, recipe: Recipe, *, whole_head: bool = False
) -> vlm.SoftPrompt:
    """The rows before training; with `whole_head`, latent tokens have an output row too."""
    draws = torch_stream(recipe.seed, "train", subject, "rows")
    rows = vlm.SoftPrompt.initial(base, subject, recipe.latent_tokens, draws, whole_head=whole_head)
    if recipe.initial == "photos":
        rows = rows.seeing(*(unchanged(base, lesson, label, recipe) for label in (True, False)))
    return rows


def unchanged(base: vlm.Base, lesson: Lesson, label: bool, recipe: Recipe) -> torch.Tensor:
    """Image tokens (n, P, D) of the validation pictures, which are the unchanged ones, with this label."""
    chosen = [
        lesson.images[sample.image]
        for sample in lesson.validation
        if sample.image is not None and sample.label is label
    ]
    return vlm.image_tokens(base, chosen, recipe.scored_at_once)


def validate(
    base: vlm.Base,
    prompt: vlm.SoftPrompt,
    samples: Sequence[Sample],
    prefixes: vlm.Prefixes,
    batch_size: int,
) -> dict[str, float]:
    """`told_rightly` of the samples: of Yes and No, is the right one more probable as the first word?

    One forward each.
    """
    queries = [vlm.Query(sample.question, sample.image, prompt) for sample in samples]
    answers = vlm.answer(base, queries, prefixes, max_new_tokens=1, batch_size=batch_size)
    return told_rightly(samples, [yes > no for yes, no in (answer.probabilities for answer in answers)])


def _layout(base: vlm.Base, prompt: vlm.SoftPrompt) -> dict[str, str]:
    """The wording around the rows, for readers of the JSON."""
    definition = prompt.text(prompt.token, LATENT)
    return {
        "with an image": base.layout.wording(definition, image=True),
        "text only": base.layout.wording(definition, image=False),
    }
