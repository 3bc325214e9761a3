"""What steps are made of: of each subject its rows, its samples and their order."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from common import vlm
from common.core.seed import torch_stream
from common.training.curves import Curves
from common.training.recipe import TrainingRecipe
from common.training.samples import Sample


@dataclass(frozen=True, eq=False)
class SubjectTrainer:
    """One subject in training.

    Attributes:
        prompt: its rows on the model's device, which the optimizer changes in place.
        samples: what it is trained on.
        suffixes: of the samples.
        batches: indices of the samples of each step, of all epochs.
        epoch: steps in one.
        curves: of the training, if they are drawn.

    """

    prompt: vlm.SoftPrompt
    samples: Sequence[Sample]
    suffixes: Sequence[vlm.Suffix]
    batches: Sequence[Sequence[int]]
    epoch: int
    curves: Curves

    @classmethod
    def of(
        cls,
        base: vlm.Base,
        start: vlm.SoftPrompt,
        samples: Sequence[Sample],
        recipe: TrainingRecipe,
        name: str = "train",
    ) -> "SubjectTrainer":
        """Copy the start, and draw the order of the samples; `name` is that of the curves' folder."""
        embeddings, output_row = (
            values.to(base.device, copy=True).requires_grad_()
            for values in (start.embeddings, start.output_row)
        )
        shuffle = torch_stream(recipe.seed, "train", start.subject, "order")
        orders = [
            torch.randperm(len(samples), generator=shuffle).split(recipe.batch_size)
            for _ in range(recipe.epochs)
        ]
        return cls(
            vlm.SoftPrompt(start.subject, embeddings, output_row),
            samples,
            [
                vlm.suffix(
                    base,
                    start,
                    s.question,
                    s.answer,
                    image=s.image is not None,
                    end_token=recipe.end_token,
                )
                for s in samples
            ],
            [batch.tolist() for order in orders for batch in order],
            len(orders[0]),
            Curves(f"{name}/{start.subject}"),
        )

    @property
    def subject(self) -> str:
        """The subject's id."""
        return self.prompt.subject

    def norms(self) -> dict[str, torch.Tensor]:
        """Measure the rows and their gradients: L2 norms, () float32 each, on the device."""
        rows = {"embeddings": self.prompt.embeddings, "output_row": self.prompt.output_row}
        lengths = {f"norm/{name}": values.detach().norm() for name, values in rows.items()}
        return lengths | {
            f"gradient_norm/{name}": values.grad.norm()
            for name, values in rows.items()
            if values.grad is not None
        }

    def snapshot(self) -> vlm.SoftPrompt:
        """Copy the rows, (k+1, D) and (1, D) float32, as they are now to the CPU; the card is empty."""
        embeddings, output_row = (
            values.detach().cpu().clone() for values in (self.prompt.embeddings, self.prompt.output_row)
        )
        return vlm.SoftPrompt(self.subject, embeddings, output_row)


def largest_micro_batch(trainers: Sequence[SubjectTrainer], recipe: TrainingRecipe) -> int:
    """Count the samples in the largest forward pass of a step."""
    most = sum(min(recipe.batch_size, len(trainer.samples)) for trainer in trainers)
    return min(most, recipe.micro_batch_size)


def subject_names(trainers: Sequence[SubjectTrainer]) -> str:
    """Name all subjects, for a progress bar."""
    return ", ".join(trainer.subject for trainer in trainers)
