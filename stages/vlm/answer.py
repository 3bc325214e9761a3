"""Greedy answers and option probabilities in one pass: owns batching of queries and decoding.

The first forward over a suffix gives the probabilities; decoding continues from its cache. Does not sample
and does not judge answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from stages.core.errors import UserError
from stages.core.progress import bar
from stages.vlm.layout import Query, Suffix, suffix
from stages.vlm.prefix import PrefixCache
from stages.vlm.soft_prompt import SoftPrompt
from stages.vlm.splice import extended_logits, hidden_states, pad_left

if TYPE_CHECKING:
    from stages.vlm.load import Base


@dataclass(frozen=True)
class Answer:
    """What the model said.

    Attributes:
        text: greedy answer up to the end token, stripped; the identifier reads ``<bo>``.
        probabilities: softmax over the options' first tokens at the first answer position.

    """

    text: str
    probabilities: tuple[float, ...]


def answer(
    base: "Base",
    queries: Sequence[Query],
    prefixes: PrefixCache,
    *,
    max_new_tokens: int,
    batch_size: int,
    options: Sequence[str] = ("Yes", "No"),
    progress: str | None = None,
) -> list[Answer]:
    """Answer queries in their order; forwards are batched by length.

    Args:
        base: the model.
        queries: what is asked; definitions may differ from query to query.
        prefixes: of the images that queries refer to.
        max_new_tokens: at least 1; 1 costs a single forward.
        batch_size: queries per forward.
        options: answers whose probabilities are wanted; their first tokens must differ.
        progress: title of a progress bar; None for no bar.

    """
    option_ids = [base.layout.first_id(option) for option in options]
    if len(set(option_ids)) < len(option_ids):
        raise UserError(
            f"the options {', '.join(options)} begin with the same token: they cannot be told apart"
        )
    suffixes = [suffix(base, q.definition, q.question, image=q.image is not None) for q in queries]
    order = sorted(range(len(queries)), key=lambda i: (queries[i].image is None, len(suffixes[i].ids)))
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    answers: dict[int, Answer] = {}
    for batch in bar(batches, progress) if progress else batches:
        prompts = [queries[i].definition for i in batch]
        ids, probabilities = decode(
            base,
            [suffixes[i] for i in batch],
            [prompt if isinstance(prompt, SoftPrompt) else None for prompt in prompts],
            prefixes,
            [queries[i].image for i in batch],
            max_new_tokens=max_new_tokens,
            option_ids=option_ids,
        )
        for i, prompt, new, chances in zip(batch, prompts, ids, probabilities, strict=True):
            token = prompt.token if isinstance(prompt, SoftPrompt) else ""
            answers[i] = Answer(base.layout.decode(new, base.vocab_size, token), tuple(chances))
    return [answers[i] for i in range(len(queries))]


@torch.inference_mode()
def decode(
    base: "Base",
    suffixes: Sequence[Suffix],
    prompts: Sequence[SoftPrompt | None],
    prefixes: PrefixCache,
    images: Sequence[int | None],
    *,
    max_new_tokens: int,
    option_ids: Sequence[int],
) -> tuple[list[list[int]], list[list[float]]]:
    """Decode one batch greedily: the new ids of each row, end token left out, and its option probabilities.

    A generated identifier is V, whichever subject's row it is.
    """
    table = _Rows.of(base, prompts)
    prefix = prefixes.batch(images)
    cache = prefix.cache()
    ids, mask = pad_left([suffix.ids for suffix in suffixes], 0, base.device)
    ids = table.address(base, ids)
    mask = torch.cat([prefix.mask, mask], 1)
    generated: list[list[int]] = [[] for _ in suffixes]
    alive = list(range(len(suffixes)))
    probabilities: list[list[float]] = []
    while True:
        hidden = hidden_states(base, ids, table.embeddings, cache, mask)[:, -1]
        logits = table.logits(base, hidden)
        probabilities = probabilities or logits[:, option_ids].softmax(-1).tolist()
        chosen = logits.argmax(-1)
        going = []
        for at, (row, token) in enumerate(zip(alive, chosen.tolist(), strict=True)):
            if token != base.tokenizer.eos_token_id:
                generated[row].append(token)
                if len(generated[row]) < max_new_tokens:
                    going.append(at)
        if not going:
            return generated, probabilities
        if len(going) < len(alive):
            kept = torch.tensor(going, device=base.device)
            cache.batch_select_indices(kept)
            chosen, mask, table, alive = (
                chosen[kept],
                mask[kept],
                table.select(kept),
                [alive[at] for at in going],
            )
        ids = table.address(base, chosen.unsqueeze(1))
        mask = torch.cat([mask, torch.ones_like(ids)], 1)


@dataclass(frozen=True, eq=False)
class _Rows:
    """Learned rows of a batch whose B queries may be about different subjects.

    Attributes:
        embeddings: (R, D) float32, all subjects' rows one after another; None where there are none.
        first: (B,) int64, where the rows of each query's subject start.
        output: (B, D) float32 output row of each query's identifier.
        named: (B,) bool, whether the query has one.

    """

    embeddings: torch.Tensor | None
    first: torch.Tensor
    output: torch.Tensor
    named: torch.Tensor

    @classmethod
    def of(cls, base: "Base", prompts: Sequence[SoftPrompt | None]) -> "_Rows":
        starts: dict[SoftPrompt, int] = {}
        rows = 0
        for prompt in prompts:
            if prompt is not None and prompt not in starts:
                starts[prompt] = rows
                rows += len(prompt.embeddings)
        nothing = torch.zeros(1, base.hidden_size)
        return cls(
            torch.cat([prompt.embeddings for prompt in starts]).to(base.device) if starts else None,
            torch.tensor([starts[prompt] if prompt else 0 for prompt in prompts], device=base.device),
            torch.cat([prompt.output_row if prompt else nothing for prompt in prompts]).to(base.device),
            torch.tensor([prompt is not None for prompt in prompts], device=base.device),
        )

    def address(self, base: "Base", ids: torch.Tensor) -> torch.Tensor:
        """Move ids (B, S) of learned rows from the subject's own count to the batch's."""
        return torch.where(ids >= base.vocab_size, ids + self.first.unsqueeze(1), ids)

    def logits(self, base: "Base", hidden: torch.Tensor) -> torch.Tensor:
        """Compute (B, V + 1) logits from (B, D); -inf for the identifier of a query without one."""
        logits = extended_logits(base, hidden, self.output)
        logits[:, -1].masked_fill_(~self.named, -torch.inf)
        return logits

    def select(self, kept: torch.Tensor) -> "_Rows":
        """Keep these queries."""
        return _Rows(self.embeddings, self.first[kept], self.output[kept], self.named[kept])
