"""Greedy answers and option probabilities in one pass over batches of queries.

The first forward pass over a suffix gives the probabilities; decoding continues from its cache.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from common.core.errors import UserError
from common.core.progress import bar
from common.vlm.forward import hidden_states
from common.vlm.interleaved import ImageTokenCache, image_rows
from common.vlm.kv_cache import PrefixBatch
from common.vlm.learned_rows import LearnedRows
from common.vlm.memory import to_device
from common.vlm.packing import group_into_rows, pack_rows
from common.vlm.prefix_cache import PrefixCache
from common.vlm.soft_prompt import SoftPrompt
from common.vlm.suffix import Query, Suffix, soft_prompts, suffix

if TYPE_CHECKING:
    from common.vlm.load import Base


@dataclass(frozen=True)
class Answer:
    """What the model said.

    Attributes:
        text: greedy answer up to the end token, stripped; the identifier reads ``<bo>``.
        probabilities: softmax over the options' first tokens at the first answer position.
        cut_off: whether it ran into the token limit; else the model ended it.

    """

    text: str
    probabilities: tuple[float, ...]
    cut_off: bool = False


def answer(
    base: "Base",
    queries: Sequence[Query],
    prefixes: PrefixCache | ImageTokenCache,
    *,
    max_new_tokens: int,
    batch_size: int,
    options: Sequence[str] = ("Yes", "No"),
    progress: str | None = None,
) -> list[Answer]:
    """Answer queries in their order; those about one image share rows, and batches hold rows about as long.

    Args:
        base: the model.
        queries: what is asked; definitions may differ from query to query.
        prefixes: of the images that queries refer to.
        max_new_tokens: at least 1; 1 costs a single forward.
        batch_size: rows per forward; a row holds as many queries about one image as are together no longer
            than its prefix.
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
    batches = _batches(queries, suffixes, prefixes, max_new_tokens, batch_size)
    rows = [row for batch in batches for row in batch]
    longest = max((sum(len(suffixes[i].ids) for i in row) for row in rows), default=0)
    extra_slots = longest + max(map(len, rows), default=0) * (max_new_tokens - 1)
    shown = prefixes.batches(
        ([queries[row[0]].image for row in batch] for batch in batches), extra_slots=extra_slots
    )
    answers: dict[int, Answer] = {}
    for batch in bar(batches, progress) if progress else batches:
        chosen = [i for row in batch for i in row]
        prompts = [soft_prompts(queries[i].definition) for i in chosen]
        ids, probabilities = decode(
            base,
            [suffixes[i] for i in chosen],
            prompts,
            next(shown),
            packed=[len(row) for row in batch],
            max_new_tokens=max_new_tokens,
            option_ids=option_ids,
        )
        for i, named, new, chances in zip(chosen, prompts, ids, probabilities, strict=True):
            text = base.layout.decode(new, base.vocab_size, named)
            answers[i] = Answer(text, tuple(chances), cut_off=len(new) == max_new_tokens)
    return [answers[i] for i in range(len(queries))]


def _batches(
    queries: Sequence[Query],
    suffixes: Sequence[Suffix],
    prefixes: PrefixCache | ImageTokenCache,
    max_new_tokens: int,
    batch_size: int,
) -> list[list[list[int]]]:
    """Put queries, as their numbers, into rows, and rows of about the same length into batches."""
    by_image: dict[int | None, dict[int, int]] = defaultdict(dict)  # positions of queries, their answers too
    for i, (query, asked) in enumerate(zip(queries, suffixes, strict=True)):
        by_image[query.image][i] = len(asked.ids) + max_new_tokens - 1
    rows = [
        row for image, lengths in by_image.items() for row in group_into_rows(lengths, prefixes.shared(image))
    ]
    rows.sort(key=lambda row: (queries[row[0]].image is None, sum(len(suffixes[i].ids) for i in row), row))
    return [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]


@torch.inference_mode()
def decode(
    base: "Base",
    suffixes: Sequence[Suffix],
    prompts: Sequence[Sequence[SoftPrompt]],
    prefixes: PrefixBatch,
    *,
    packed: Sequence[int] | None = None,
    max_new_tokens: int,
    option_ids: Sequence[int],
) -> tuple[list[list[int]], list[list[float]]]:
    """Decode a batch of N suffixes greedily.

    Args:
        base: the model.
        suffixes: N of them.
        prompts: the soft prompts of each suffix, none or several.
        prefixes: of the B rows.
        packed: how many suffixes share each prefix, one after another; None if each has its own, B = N.
        max_new_tokens: at least 1.
        option_ids: O token ids.

    Returns:
        The new ids of each suffix, the end token left out; a generated identifier is V + its row among the
        rows of the sample. And N lists of O probabilities, the softmax over the options at the first answer
        position.

    """
    learned = LearnedRows.of(base, prompts)
    cache, segment_ids = prefixes.cache(), prefixes.attention_mask
    photos = image_rows([suffix.photos for suffix in suffixes], prefixes)
    numbers = iter(range(len(suffixes)))
    rows = [list(islice(numbers, count)) for count in packed or [1] * len(suffixes)]  # still without an end
    following = dict(enumerate(suffix.ids for suffix in suffixes))  # of each, the tokens that come next
    generated: list[list[int]] = [[] for _ in suffixes]
    probabilities: list[list[float]] = []
    while True:
        alive = [number for row in rows for number in row]
        ids, new_segment_ids, samples, last = (
            to_device(tensor, base.device) for tensor in pack_rows(rows, following)
        )
        segment_ids = torch.cat([segment_ids, new_segment_ids], 1)
        hidden = hidden_states(base, ids, learned, cache, segment_ids, photos, samples)  # (R, T, D)
        logits = learned.logits(base, hidden.flatten(0, 1).index_select(0, last))
        logits = end_names(base, logits, [generated[number] for number in alive])
        photos = None  # from now on in the cache
        probabilities = probabilities or logits[:, option_ids].softmax(-1).tolist()
        following = {}
        for number, token in zip(alive, learned.ids(base, logits.argmax(-1)).tolist(), strict=True):
            if token not in base.end_ids:
                generated[number].append(token)
                if len(generated[number]) < max_new_tokens:
                    following[number] = [token]
        if not following:
            return generated, probabilities
        if len(following) < len(alive):
            learned = learned.select(_places([number in following for number in alive], base.device))
            rows = [[number for number in row if number in following] for row in rows]
            if not all(rows):
                kept = _places(rows, base.device)
                cache.batch_select_indices(kept)
                segment_ids, rows = segment_ids[kept], [row for row in rows if row]


def end_names(base: "Base", logits: torch.Tensor, generated: Sequence[Sequence[int]]) -> torch.Tensor:
    """Let a name that was just said end: no piece of a word follows it, as in ``<bo>xt>``.

    The base reads names as text of several pieces, and goes on with the others when one row says them all.

    Args:
        base: the model.
        logits: (N, V + M) float32, as `LearnedRows.logits` makes them.
        generated: ids of each of the N answers so far.

    Returns:
        (N, V + M) float32, -inf where a piece would go on with the name.

    """
    named = [bool(ids) and ids[-1] >= base.vocab_size for ids in generated]
    if not any(named):
        return logits
    pieces = base.layout.word_pieces
    pieces = F.pad(pieces, (0, logits.shape[1] - len(pieces)))
    return logits.masked_fill(to_device(torch.tensor(named).unsqueeze(1) & pieces, logits.device), -torch.inf)


def _places(flags: Sequence[object], device: torch.device) -> torch.Tensor:
    """Where flags are true, (N,) int64 on the device."""
    return to_device(torch.tensor([at for at, flag in enumerate(flags) if flag]), device)
