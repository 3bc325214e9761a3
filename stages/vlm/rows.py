"""The learned rows in a batch: owns which rows belong to which sample, and the identifier's logit.

Samples of one batch may be about different subjects; one subject is the case of one. Serves training, whose
rows require gradients, and answering alike. Does not own the rows themselves (`soft_prompt`) or the forward
that they go through (`splice`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from stages.vlm.memory import move
from stages.vlm.soft_prompt import SoftPrompt

if TYPE_CHECKING:
    from stages.vlm.load import Base


@dataclass(frozen=True, eq=False)
class Rows:
    """Learned rows of B samples about K subjects, R rows in total.

    Attributes:
        embeddings: (R, D) float32, all subjects' input rows one after another; None where there are none.
        output: (K, D) float32, all subjects' output rows.
        first: (B,) int64, where the input rows of each sample's subject start.
        own: (B,) int64, which output row is that of each sample's subject.
        named: (B,) bool, whether the sample has a subject at all.

    """

    embeddings: torch.Tensor | None
    output: torch.Tensor
    first: torch.Tensor
    own: torch.Tensor
    named: torch.Tensor

    @classmethod
    def of(cls, base: "Base", prompts: Sequence[SoftPrompt | None]) -> "Rows":
        """Stack the rows of B samples' soft prompts, each prompt once; gradients flow back to them."""
        first: dict[SoftPrompt, int] = {}
        rows = 0
        for prompt in prompts:
            if prompt is not None and prompt not in first:
                first[prompt] = rows
                rows += len(prompt.embeddings)
        own = {prompt: number for number, prompt in enumerate(first)}
        nothing = torch.zeros(1, base.hidden_size, device=base.device)
        return cls(
            torch.cat([move(prompt.embeddings, base.device) for prompt in first]) if first else None,
            torch.cat([move(prompt.output_row, base.device) for prompt in first]) if first else nothing,
            move(torch.tensor([first.get(prompt, 0) for prompt in prompts]), base.device),
            move(torch.tensor([own.get(prompt, 0) for prompt in prompts]), base.device),
            move(torch.tensor([prompt is not None for prompt in prompts]), base.device),
        )

    def select(self, samples: torch.Tensor) -> "Rows":
        """Rows of these samples, (N,) int64; a sample may come several times."""
        chosen = (per_sample.index_select(0, samples) for per_sample in (self.first, self.own, self.named))
        return Rows(self.embeddings, self.output, *chosen)

    def embed(self, base: "Base", ids: torch.Tensor) -> torch.Tensor:
        """Input embeddings (B, S, D), in the model's dtype, of ids (B, S); V + r is row r of the subject."""
        learned = ids >= base.vocab_size
        table = base.model.get_input_embeddings()
        if self.embeddings is None:
            return table(ids)
        plain = table(ids.masked_fill(learned, 0))
        rows = (ids - base.vocab_size + self.first.unsqueeze(1)).masked_fill(~learned, 0)
        return torch.where(learned.unsqueeze(-1), F.embedding(rows, self.embeddings).to(plain.dtype), plain)

    def logits(self, base: "Base", hidden: torch.Tensor) -> torch.Tensor:
        """Logits over the vocabulary and, last, the identifier.

        Args:
            base: the model.
            hidden: (B, D), one hidden state per sample, in the model's dtype.

        Returns:
            (B, V + 1) float32; the identifier's is -inf for a sample without a subject.

        """
        plain = base.model.lm_head(hidden).float()
        own = (hidden.float() * self.output.index_select(0, self.own)).sum(-1)
        return torch.cat([plain, own.masked_fill(~self.named, -torch.inf).unsqueeze(-1)], -1)
