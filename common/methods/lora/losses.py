"""What an adapter's training computes of samples: losses with their gradients, and how good it is.

Every process computes a share of it (`processes`). Does not own forwards (`sequences`), steps (`run`) or
what is learned (`adapter`).
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from common import vlm
from common.methods.lora.adapter import Learned
from common.methods.lora.pictures import Features
from common.methods.lora.processes import ALONE, Processes
from common.methods.lora.rows import Row, forwards
from common.methods.lora.sequences import AnswerLogits, Example, predict
from common.training.samples import Sample, balanced_accuracy


class Predictor(nn.Module):
    """`predict` as a module that holds all that is learned, for processes to share."""

    def __init__(self, base: vlm.Base, adapter: Learned, features: Features, *, every_value: bool) -> None:
        """With `every_value`, a forward without pictures gives the projector gradients of zero."""
        super().__init__()
        self.model, self.projector = base.model, adapter.projector
        self._base, self._features, self._every_value = base, features, every_value
        # by these accelerate divides a model; transformers' list has layers of towers that may not be there
        self._no_split_modules = sorted({type(layer).__name__ for layer in base.language_model.layers})

    def forward(self, rows: Sequence[Row]) -> AnswerLogits:
        """One forward over rows of examples."""
        return predict(self._base, self.projector, self._features, rows, every_value=self._every_value)


class Losses:
    """Of one adapter on the base, over pictures of which these are the features."""

    def __init__(
        self,
        base: vlm.Base,
        adapter: Learned,
        features: Features,
        micro_batch_size: int,
        processes: Processes = ALONE,
    ) -> None:
        """A forward has at most `micro_batch_size` samples."""
        self._base, self._adapter, self._processes = base, adapter, processes
        self._micro_batch_size = micro_batch_size
        self._predict: nn.Module = Predictor(base, adapter, features, every_value=processes.count > 1)

    def prepare(self, optimizer: torch.optim.Optimizer) -> None:
        """Let processes share the values that the optimizer changes, before the first step."""
        self._predict = self._processes.prepare(self._predict, optimizer)

    def backward(self, batch: Sequence[Example]) -> torch.Tensor:
        """Add the gradient of the batch's mean loss; return the sum of its losses, () float32 on the device.

        A sample's loss is the mean cross-entropy over its answer and end token, times its weight.
        """
        total = torch.zeros((), device=self._base.device)
        count = self._processes.count
        made = forwards(batch, min(self._micro_batch_size, math.ceil(len(batch) / count)))
        for rows, counts in self._processes.share(made):
            weights = torch.tensor([example.sample.weight * counts for row in rows for example in row])
            losses = self.of_each(rows)
            loss = losses @ vlm.to_device(weights, losses.device)
            (loss / (len(batch) / count)).backward()
            total += loss.detach()
        if self._adapter.projector is not None and not any(example.images for example in batch):
            self._adapter.projector.zero_grad()  # of zeros, which would move it on all the same
        return self._processes.total(total)

    def of_each(self, rows: Sequence[Row]) -> torch.Tensor:
        """Mean cross-entropy over each example's answers and end tokens, (B,) float32 on the device."""
        predicted = self._predict(rows)
        losses = F.cross_entropy(predicted.logits, predicted.targets, reduction="none")  # (N,)
        lengths = torch.tensor([example.supervised for row in rows for example in row])
        sums = losses.new_zeros(len(lengths)).index_add(0, predicted.samples, losses)
        return sums / vlm.to_device(lengths, losses.device)

    @torch.no_grad()
    def mean(self, asked: Sequence[Example]) -> float:
        """Mean over samples of the mean cross-entropy over each one's answers."""
        self._adapter.model.eval()
        made = forwards(asked, self._micro_batch_size)
        own = [self.of_each(rows).sum().item() for rows, _ in self._processes.share(made)]
        self._adapter.model.train()
        return round(sum(self._processes.in_order(own, len(made))) / len(asked), 6)

    @torch.no_grad()
    def validate(self, validation: Sequence[Example]) -> dict[str, float]:
        """`balanced_accuracy` of validation samples: of Yes and No, is the right one likelier at first?"""
        yes, no = map(self._base.layout.first_id, ("Yes", "No"))
        own: list[list[bool]] = []
        self._adapter.model.eval()
        made = forwards(validation, self._micro_batch_size)
        for rows, _ in self._processes.share(made):
            predicted = self._predict(rows)
            first = predicted.samples.diff(prepend=predicted.samples.new_tensor([-1])) > 0
            logits = predicted.logits[first]
            own.append((logits[:, yes] > logits[:, no]).tolist())
        self._adapter.model.train()
        said = [answer for answers in self._processes.in_order(own, len(made)) for answer in answers]
        asked: list[Sample] = [example.sample for rows in made for row in rows for example in row]
        return balanced_accuracy(asked, said)
