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
from stages.vlm.inline import image_rows
from stages.vlm.layout import Query, Suffix, soft_prompts, suffix
from stages.vlm.memory import move
from stages.vlm.rows import Rows
from stages.vlm.soft_prompt import SoftPrompt
from stages.vlm.splice import hidden_states, pad_left
from stages.vlm.store import PrefixBatch, PrefixCache

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
    asked = [(query.definition, query.question, query.image is not None) for query in queries]
    once = {ask: suffix(base, *ask[:2], image=ask[2]) for ask in dict.fromkeys(asked)}  # of many photos alike
    suffixes = [once[ask] for ask in asked]
    order = sorted(range(len(queries)), key=lambda i: (queries[i].image is None, len(suffixes[i].ids)))
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    longest = max((len(suffix.ids) for suffix in suffixes), default=0)
    shown = prefixes.batches(
        ([queries[i].image for i in batch] for batch in batches), spare=longest + max_new_tokens - 1
    )
    answers: dict[int, Answer] = {}
    for batch in bar(batches, progress) if progress else batches:
        prompts = [soft_prompts(queries[i].definition) for i in batch]
        ids, probabilities = decode(
            base,
            [suffixes[i] for i in batch],
            prompts,
            next(shown),
            max_new_tokens=max_new_tokens,
            option_ids=option_ids,
        )
        for i, named, new, chances in zip(batch, prompts, ids, probabilities, strict=True):
            answers[i] = Answer(base.layout.decode(new, base.vocab_size, named), tuple(chances))
    return [answers[i] for i in range(len(queries))]


@torch.inference_mode()
def decode(
    base: "Base",
    suffixes: Sequence[Suffix],
    prompts: Sequence[Sequence[SoftPrompt]],
    prefixes: PrefixBatch,
    *,
    max_new_tokens: int,
    option_ids: Sequence[int],
) -> tuple[list[list[int]], list[list[float]]]:
    """Decode one batch greedily: the new ids of each row, end token left out, and its option probabilities.

    A generated identifier is V + its row among the rows of the sample.
    """
    rows = Rows.of(base, prompts)
    cache = prefixes.cache()
    photos = image_rows(suffixes, prefixes)
    ids, mask = (move(tensor, base.device) for tensor in pad_left([suffix.ids for suffix in suffixes], 0))
    mask = torch.cat([prefixes.mask, mask], 1)
    generated: list[list[int]] = [[] for _ in suffixes]
    alive = list(range(len(suffixes)))
    probabilities: list[list[float]] = []
    while True:
        logits = rows.logits(base, hidden_states(base, ids, rows, cache, mask, photos)[:, -1])
        photos = None  # from now on in the cache
        probabilities = probabilities or logits[:, option_ids].softmax(-1).tolist()
        chosen = rows.ids(base, logits.argmax(-1))
        going = []
        for at, (row, token) in enumerate(zip(alive, chosen.tolist(), strict=True)):
            if token not in base.end_ids:
                generated[row].append(token)
                if len(generated[row]) < max_new_tokens:
                    going.append(at)
        if not going:
            return generated, probabilities
        if len(going) < len(alive):
            kept = torch.tensor(going, device=base.device)
            cache.batch_select_indices(kept)
            chosen, mask, rows = chosen[kept], mask[kept], rows.select(kept)
            alive = [alive[at] for at in going]
        ids = chosen.unsqueeze(1)
        mask = torch.cat([mask, torch.ones_like(ids)], 1)
