"""Training from the start of the rows to the best epoch, every image prefix computed once.

Owns the start, validation and the choice of the epoch. Does not own the steps (`run`), the rows' files
(`vlm.SoftPrompt`), the file by which a killed training goes on (`checkpoint`) or which samples there are
(`samples`).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch

from common import vlm
from common.core.errors import UserError
from common.core.progress import say
from common.core.seed import torch_stream
from common.training.checkpoint import Checkpoint
from common.training.recipe import TrainingRecipe
from common.training.run import Run
from common.training.samples import Sample, TrainingSet, balanced_accuracy, share_images
from common.training.steps import SubjectTrainer, names, widest
from common.vlm.layout import LATENT


class Learned(NamedTuple):
    """What was learned of a subject: the rows of the best epoch, and those of every one."""

    best: vlm.SoftPrompt
    epochs: list[vlm.SoftPrompt]

    @property
    def curve(self) -> list[dict[str, Any]]:
        """Loss and validation, a row for each epoch."""
        return [prompt.info["validation"] for prompt in self.epochs]


def learn(
    base: vlm.Base,
    training_sets: Mapping[str, TrainingSet],
    recipe: TrainingRecipe,
    starts: Mapping[str, vlm.SoftPrompt] | None = None,
    *,
    checkpoint: Checkpoint | None = None,
    name: str = "train",
) -> dict[str, Learned]:
    """Train subjects (id → training set) side by side; each learns what it would learn alone.

    `starts` holds the rows before training; None for those that the recipe asks for. With a `checkpoint`,
    training goes on after the epoch that it was saved after. `name` is that of the curves' folder.

    The best epoch is, as in the paper, the one with the highest mean of the shares of positives and of
    negatives told rightly on the validation samples; of equal ones, the latest. Those before
    `recipe.first_epoch` do not count.

    Raises UserError when a loss is no longer finite.
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
    rows = max(widest(trainers, recipe), math.ceil(recipe.micro_batch_size / 2))
    prefixes = vlm.encode_prefixes(
        base, images, recipe.micro_batch_size, working_rows=rows, progress=f"{names(trainers)}: images"
    )
    run = Run(base, trainers, prefixes, recipe)
    made: dict[str, list[vlm.SoftPrompt]] = {subject: [] for subject in training_sets}
    if checkpoint and (state := checkpoint.load()):
        run.resume(state["run"])
        for subject, epochs in state["epochs"].items():
            made[subject] = [vlm.SoftPrompt(subject, *parts) for parts in epochs]
            say(f"{subject}: training goes on after epoch {len(epochs)}, which an earlier run has reached")
    for ended in run.epochs():
        for trainer, loss in ended:
            epoch = len(made[trainer.subject]) + 1
            if not math.isfinite(loss.item()):
                raise UserError(
                    f"training {trainer.subject} diverged in epoch {epoch}: lower train.learning_rate"
                )
            prompt = trainer.snapshot()
            validation = training_sets[trainer.subject].validation
            scores = validate(base, prompt, validation, prefixes, recipe.micro_batch_size)
            measured = {"loss": round(loss.item(), 6), **scores}
            prompt.info.update(_card(base, trainer, recipe), validation={"epoch": epoch, **measured})
            made[trainer.subject].append(prompt)
            trainer.curves.add("epoch", epoch, measured)
            trainer.curves.write()
        if checkpoint and not run.ended:
            rows_of = {subject: [_stored(prompt) for prompt in prompts] for subject, prompts in made.items()}
            checkpoint.save({"run": run.state(), "epochs": rows_of})
    return {subject: Learned(_best(prompts, recipe), prompts) for subject, prompts in made.items()}


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


def _best(prompts: Sequence[vlm.SoftPrompt], recipe: TrainingRecipe) -> vlm.SoftPrompt:
    """The latest of those that do best on validation, of the epochs that may be kept."""
    candidates = prompts[min(recipe.first_epoch, recipe.epochs) - 1 :]
    return max(reversed(candidates), key=lambda prompt: prompt.info["validation"]["weighted"])


def _stored(prompt: vlm.SoftPrompt) -> tuple[torch.Tensor, torch.Tensor, dict[str, Any]]:
    return prompt.embeddings, prompt.output_row, prompt.info


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
