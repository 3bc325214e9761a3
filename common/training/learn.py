"""Training from the start of the rows to the best epoch, every image prefix computed once.

Owns the start, validation and the choice of the epoch. Does not own the steps (`steps`), the rows' files
(`vlm.SoftPrompt`) or which samples there are (`samples`). A killed run starts again from nothing: no file is
written before the end, and the whole takes minutes.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from common import vlm
from common.core.errors import UserError
from common.core.seed import torch_stream
from common.training.recipe import TrainingRecipe
from common.training.samples import Sample, TrainingSet, balanced_accuracy, share_images
from common.training.steps import SubjectTrainer, epochs, names, widest
from common.vlm.layout import LATENT

Learned = tuple[vlm.SoftPrompt, list[dict[str, Any]]]  # of the best epoch; the curve, one row per epoch


def learn(
    base: vlm.Base,
    training_sets: Mapping[str, TrainingSet],
    recipe: TrainingRecipe,
    starts: Mapping[str, vlm.SoftPrompt] | None = None,
    each_epoch: Callable[[vlm.SoftPrompt], None] = lambda prompt: None,
) -> dict[str, Learned]:
    """Train subjects (id → training set) side by side; each learns what it would learn alone.

    `starts` holds the rows before training; None for those that the recipe asks for.

    The best epoch is, as in the paper, the one with the highest mean of the shares of positives and of
    negatives told rightly on the validation samples; of equal ones, the latest. Those before
    `recipe.first_epoch` do not count. `each_epoch` is given the rows of every one.

    Raises UserError when a loss is no longer finite.
    """
    training_sets = share_images(training_sets)
    starts = starts or {
        subject: initial_prompt(base, subject, training_set, recipe)
        for subject, training_set in training_sets.items()
    }
    best = dict(starts)
    curves: dict[str, list[dict[str, Any]]] = {subject: [] for subject in training_sets}
    trainers = [
        SubjectTrainer.of(base, best[subject], training_set.training, recipe)
        for subject, training_set in training_sets.items()
    ]
    images = next(iter(training_sets.values())).images  # of all subjects
    # Validation asks one question a row, without gradients: a row takes half as much as one of training.
    rows = max(widest(trainers, recipe), math.ceil(recipe.micro_batch_size / 2))
    prefixes = vlm.encode_prefixes(
        base, images, recipe.micro_batch_size, working_rows=rows, progress=f"{names(trainers)}: images"
    )
    for trainer, loss in epochs(base, trainers, prefixes, recipe):
        prompt, curve = trainer.snapshot(), curves[trainer.subject]
        if not math.isfinite(loss.item()):
            raise UserError(
                f"training {trainer.subject} diverged in epoch {len(curve) + 1}: lower train.learning_rate"
            )
        validation = training_sets[trainer.subject].validation
        scores = validate(base, prompt, validation, prefixes, recipe.micro_batch_size)
        curve.append({"epoch": len(curve) + 1, "loss": round(loss.item(), 6), **scores})
        prompt.info.update(
            base={
                "model": base.name,
                "dtype": str(base.model.dtype).removeprefix("torch."),
                "fingerprint": base.fingerprint,
            },
            layout=_layout(base, prompt, recipe.end_token),
            training=recipe.card | {"samples": len(trainer.samples), "steps": len(trainer.batches)},
            validation=curve[-1],
        )
        each_epoch(prompt)
        candidates = curve[min(recipe.first_epoch, recipe.epochs) - 1 :]
        if candidates and scores["weighted"] == max(row["weighted"] for row in candidates):
            best[trainer.subject] = prompt
    return {subject: (best[subject], curves[subject]) for subject in training_sets}


def initial_prompt(
    base: vlm.Base,
    subject: str,
    training_set: TrainingSet,
    recipe: TrainingRecipe,
    *,
    latent_output_rows: bool = False,
) -> vlm.SoftPrompt:
    """The rows before training; with `latent_output_rows`, latent tokens have an output row too."""
    draws = torch_stream(recipe.seed, "train", subject, "rows")
    rows = vlm.SoftPrompt.init_random(
        base.model, subject, recipe.latent_tokens, draws, latent_output_rows=latent_output_rows
    )
    if recipe.initial == "photos":
        rows = rows.init_from_images(
            *(original_image_tokens(base, training_set, label, recipe) for label in (True, False))
        )
    return rows


def original_image_tokens(
    base: vlm.Base, training_set: TrainingSet, label: bool, recipe: TrainingRecipe
) -> torch.Tensor:
    """Image tokens (n, P, D) of the unchanged pictures with this label that are learned from."""
    chosen = [
        training_set.images[sample.image]
        for sample in training_set.originals
        if sample.image is not None and sample.label is label
    ]
    return vlm.image_tokens(base, chosen, recipe.micro_batch_size)


def validate(
    base: vlm.Base,
    prompt: vlm.SoftPrompt,
    samples: Sequence[Sample],
    prefixes: vlm.Prefixes,
    batch_size: int,
) -> dict[str, float]:
    """`balanced_accuracy` of the samples: of Yes and No, is the right one more probable as the first word?

    One forward each.
    """
    queries = [vlm.Query(sample.question, sample.image, prompt) for sample in samples]
    answers = vlm.answer(base, queries, prefixes, max_new_tokens=1, batch_size=batch_size)
    return balanced_accuracy(samples, [yes > no for yes, no in (answer.probabilities for answer in answers)])


def _layout(base: vlm.Base, prompt: vlm.SoftPrompt, end_token: bool) -> dict[str, str]:
    """The wording around the rows, for readers of the JSON."""
    definition = prompt.text(prompt.token, LATENT)
    return {
        "with an image": base.layout.describe(definition, image=True, end_token=end_token),
        "text only": base.layout.describe(definition, image=False, end_token=end_token),
    }
