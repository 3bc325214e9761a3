"""Training from the start of the rows to the best epoch, every image prefix computed once.

The steps themselves are in `run`; here are the start, validation and the choice of the epoch.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch

from common import vlm
from common.core.errors import UserError
from common.core.progress import say
from common.core.seed import torch_stream
from common.training.checkpoint import Checkpoint
from common.training.recipe import TrainingRecipe
from common.training.run import TrainingRun
from common.training.samples import Sample, TrainingSet, balanced_accuracy, share_images
from common.training.steps import SubjectTrainer, largest_micro_batch, subject_names
from common.vlm.layout import LATENT


class Learned(NamedTuple):
    """What was learned of a subject: the rows of the best epoch, and those of every one."""

    best: vlm.SoftPrompt
    epochs: list[vlm.SoftPrompt]

    @property
    def curve(self) -> list[dict[str, Any]]:
        """Loss and validation scores, a row for each epoch."""
        return [prompt.info["validation"] for prompt in self.epochs]


def learn(
    base: vlm.Base,
    training_sets: Mapping[str, TrainingSet],
    recipe: TrainingRecipe,
    starts: Mapping[str, vlm.SoftPrompt] | None = None,
    *,
    info: Mapping[str, Mapping[str, Any]] | None = None,
    checkpoint: Checkpoint | None = None,
    name: str = "train",
) -> dict[str, Learned]:
    """Train subjects side by side; each learns what it would learn alone.

    The best epoch is, as in the paper, the one with the highest balanced accuracy on the validation samples;
    of equal ones, the latest. Those before `recipe.first_epoch` do not count.

    Args:
        base: the model; it stays frozen.
        training_sets: id → training set.
        recipe: how they are trained.
        starts: id → rows before training; None for those that the recipe asks for.
        info: id → what the soft prompts' cards say besides, such as the data; None for nothing.
        checkpoint: the file after whose epoch training goes on; None to begin anew and save nothing.
        name: of the curves' folder.

    Raises:
        UserError: a loss is no longer finite.

    """
    training_sets = share_images(training_sets)
    starts = starts or {
        subject: initial_prompt(base, subject, training_set, recipe)
        for subject, training_set in training_sets.items()
    }
    trainers = [
        SubjectTrainer.of(base, starts[subject], training_set.training, recipe, name)
        for subject, training_set in training_sets.items()
    ]
    images = next(iter(training_sets.values())).images  # of all subjects
    # Validation asks one question a row, without gradients: a row takes half as much as one of training.
    working_rows = max(largest_micro_batch(trainers, recipe), math.ceil(recipe.micro_batch_size / 2))
    prefixes = vlm.encode_prefixes(
        base,
        images,
        recipe.micro_batch_size,
        working_rows=working_rows,
        progress=f"{subject_names(trainers)}: images",
    )
    run = TrainingRun(base, trainers, prefixes, recipe)
    prompts: dict[str, list[vlm.SoftPrompt]] = {subject: [] for subject in training_sets}
    cards = {
        trainer.subject: {**_card(base, trainer, recipe), **(info or {}).get(trainer.subject, {})}
        for trainer in trainers
    }
    if checkpoint and (state := checkpoint.load()):
        run.resume(state["run"])
        for subject, epochs in state["epochs"].items():
            prompts[subject] = [vlm.SoftPrompt(subject, *parts) for parts in epochs]
            say(f"{subject}: training goes on after epoch {len(epochs)}, which an earlier run has reached")
    for ended in run.epochs():
        for trainer, loss in ended:
            epoch = len(prompts[trainer.subject]) + 1
            if not math.isfinite(loss.item()):
                raise UserError(
                    f"training {trainer.subject} diverged in epoch {epoch}: lower train.learning_rate"
                )
            rows = trainer.snapshot()
            validation = training_sets[trainer.subject].validation
            scores = validate(base, rows, validation, prefixes, recipe.micro_batch_size)
            measured = {"loss": round(loss.item(), 6), **scores}
            card = {**cards[trainer.subject], "validation": {"epoch": epoch, **measured}}
            prompts[trainer.subject].append(replace(rows, info=card))
            trainer.curves.add("epoch", epoch, measured)
            trainer.curves.write()
        if checkpoint and not run.ended:
            epochs_of = {
                subject: [_parts(prompt) for prompt in epochs] for subject, epochs in prompts.items()
            }
            checkpoint.save({"run": run.state(), "epochs": epochs_of})
    return {subject: Learned(_best(epochs, recipe), epochs) for subject, epochs in prompts.items()}


def initial_prompt(
    base: vlm.Base,
    subject: str,
    training_set: TrainingSet,
    recipe: TrainingRecipe,
    *,
    latent_output_rows: bool = False,
) -> vlm.SoftPrompt:
    """Make the rows before training, on the CPU: (k+1, D) input rows and (1, D) output rows, float32.

    With `latent_output_rows`, latent tokens have an output row too: (k+1, D).
    """
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
    """Compute the image tokens of the unchanged pictures with this label that are learned from.

    Returns:
        (n, P, D) float32 on the CPU. Raises UserError if pictures have unequal numbers of them.

    """
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
    """Measure the `balanced_accuracy` on the samples: is the right one of Yes and No the more probable?

    What counts are the first words' probabilities: one forward pass, and no decoding.
    """
    queries = [vlm.Query(sample.question, sample.image, prompt) for sample in samples]
    answers = vlm.answer(base, queries, prefixes, max_new_tokens=1, batch_size=batch_size)
    return balanced_accuracy(samples, [yes > no for yes, no in (answer.probabilities for answer in answers)])


def _best(prompts: Sequence[vlm.SoftPrompt], recipe: TrainingRecipe) -> vlm.SoftPrompt:
    """Choose, of the epochs that may be kept, the latest of those that do best on validation."""
    candidates = prompts[min(recipe.first_epoch, recipe.epochs) - 1 :]
    return max(reversed(candidates), key=lambda prompt: prompt.info["validation"]["weighted"])


def _parts(prompt: vlm.SoftPrompt) -> tuple[torch.Tensor, torch.Tensor, dict[str, Any]]:
    """What a checkpoint keeps of an epoch, in the order of `SoftPrompt`'s fields behind the subject."""
    return prompt.embeddings, prompt.output_row, dict(prompt.info)


def _card(base: vlm.Base, trainer: SubjectTrainer, recipe: TrainingRecipe) -> dict[str, Any]:
    """What readers of the JSON are told of the base and of the training."""
    return {
        "base": {
            "model": base.name,
            "dtype": str(base.model.dtype).removeprefix("torch."),
            "fingerprint": base.fingerprint,
        },
        "layout": _layout(base, trainer.prompt, recipe.end_token),
        "training": recipe.card | {"samples": len(trainer.samples), "steps": len(trainer.batches)},
    }


def _layout(base: vlm.Base, prompt: vlm.SoftPrompt, end_token: bool) -> dict[str, str]:
    """The wording around the rows, for readers of the JSON."""
    definition = prompt.text(prompt.token, LATENT)
    return {
        "with an image": base.layout.describe(definition, image=True, end_token=end_token),
        "text only": base.layout.describe(definition, image=False, end_token=end_token),
    }
