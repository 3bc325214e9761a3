"""The learned rows in a batch: which rows belong to which sample, and the logits of those with one.

Samples of one batch may be about different subjects, and a sample about several: its rows are then those of
all of them, one subject after another. Serves training, whose rows require gradients, and answering alike.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from common.vlm.memory import to_device
from common.vlm.soft_prompt import SoftPrompt, output_positions

if TYPE_CHECKING:
    from common.vlm.load import Base


@dataclass(frozen=True, eq=False)
class LearnedRows:
    """Learned rows of B samples, R rows in total; up to M of a sample's rows can be generated.

    Those are the identifiers of its subjects and, in some variants, latent tokens.

    Attributes:
        embeddings: (R, D) float32, input rows of all groups of subjects; None where there are none.
        output: (K, D) float32, all output rows.
        first: (B,) int64, where the input rows of each sample start.
        own: (B, M) int64, which output rows are those of each sample.
        named: (B, M) bool, whether the sample has so many.
        offsets: (B, M) int64, which of the sample's rows they belong to.

    """

    embeddings: torch.Tensor | None
    output: torch.Tensor
    first: torch.Tensor
    own: torch.Tensor
    named: torch.Tensor
    offsets: torch.Tensor

    @classmethod
    def of(cls, base: "Base", groups: Sequence[Sequence[SoftPrompt]]) -> "LearnedRows":
        """Stack the rows of B samples' soft prompts, each group once; gradients flow back to them."""
        first: dict[tuple[SoftPrompt, ...], int] = {}
        rows = 0
        for group in map(tuple, groups):
            if group not in first:
                first[group] = rows
                rows += sum(len(prompt.embeddings) for prompt in group)
        stacked = [prompt for group in first for prompt in group]
        own: dict[SoftPrompt, range] = {}
        outputs = 0
        for prompt in dict.fromkeys(stacked):
            own[prompt] = range(outputs, outputs + len(prompt.output_row))
            outputs = own[prompt].stop
        most = max(1, *(len(output_positions(group)) for group in groups))
        device = base.device

        def table(values: Callable[[Sequence[SoftPrompt]], Sequence[int]]) -> torch.Tensor:
            of_samples = [list(values(group)) for group in groups]
            return to_device(torch.tensor([each + [0] * (most - len(each)) for each in of_samples]), device)

        nothing = torch.zeros(1, base.hidden_size, device=device)
        return cls(
            torch.cat([to_device(prompt.embeddings, device) for prompt in stacked]) if stacked else None,
            torch.cat([to_device(prompt.output_row, device) for prompt in own]) if own else nothing,
            to_device(torch.tensor([first[tuple(group)] for group in groups]), device),
            table(lambda group: [row for prompt in group for row in own[prompt]]),
            table(lambda group: [1] * len(output_positions(group))).bool(),
            table(output_positions),
        )

    def select(self, samples: torch.Tensor) -> "LearnedRows":
        """Select the rows of these samples, (N,) int64 on the device; a sample may come several times."""
        per_sample = (self.first, self.own, self.named, self.offsets)
        return LearnedRows(
            self.embeddings, self.output, *(values.index_select(0, samples) for values in per_sample)
        )

    def embed(self, base: "Base", ids: torch.Tensor, samples: torch.Tensor | None = None) -> torch.Tensor:
        """Look up the input embeddings of ids.

        Args:
            base: the model.
            ids: (B, S) int64; V + r is row r of the sample.
            samples: (B, S) int64, of which sample; None where each has a row of ids.

        Returns:
            (B, S, D) in the model's dtype.

        """
        table = base.model.get_input_embeddings()
        if self.embeddings is None:
            return table(ids)
        first = self.first.unsqueeze(1) if samples is None else self.first[samples]
        learned = ids >= table.num_embeddings
        plain = table(ids.masked_fill(learned, 0))
        rows = (ids - table.num_embeddings + first).masked_fill(~learned, 0)
        return torch.where(learned.unsqueeze(-1), F.embedding(rows, self.embeddings).to(plain.dtype), plain)

    def logits(self, base: "Base", hidden: torch.Tensor) -> torch.Tensor:
        """Compute logits over the vocabulary and, last, the learned rows that can be generated.

        Args:
            base: the model.
            hidden: (B, D), one hidden state per sample, in the model's dtype.

        Returns:
            (B, V + M) float32; -inf where the sample has no such row.

        """
        plain = base.model.lm_head(hidden).float().to(hidden.device)
        rows = self.output.index_select(0, self.own.flatten()).unflatten(0, self.own.shape)  # (B, M, D)
        own = (hidden.float().unsqueeze(1) * rows).sum(-1)
        return torch.cat([plain, own.masked_fill(~self.named, -torch.inf)], -1)

    def ids(self, base: "Base", chosen: torch.Tensor) -> torch.Tensor:
        """Turn columns (B,) int64 of the logits into ids (B,) int64: a learned row is V + its number."""
        place = (chosen - base.vocab_size).clamp(min=0)
        row = self.offsets.gather(1, place.unsqueeze(1)).squeeze(1)
        return torch.where(chosen >= base.vocab_size, base.vocab_size + row, chosen)
