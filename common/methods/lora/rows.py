"""Samples that share a row: owns which do, which rows make a forward, and the order in which samples come.

Questions about one picture stand behind it in one row, so that it goes through the language model once for
all of them. The loss of each is that of a row of its own. Does not own how a row is laid (`sequences`).
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence

import torch

from common.methods.lora.sequences import Example
from common.vlm.packing import group_into_rows

Row = list[Example]

_PADDING = 0.2  # of a row, at most
_ABOUT_ONE = 0.25  # of a batch, at most about one picture: a batch of like answers would teach to give it


def draw_batches(
    examples: Sequence[Example],
    batch_size: int,
    generator: torch.Generator,
    *,
    group_by_modality: bool = False,
) -> list[list[Example]]:
    """Draw the batches of an epoch; questions about one picture come together, a few at a time.

    With `group_by_modality`, as in LLaVA's script, no batch has samples with pictures and others without.
    """
    if group_by_modality:
        kinds = [[one for one in examples if bool(one.images) == shown] for shown in (True, False)]
        batches = [batch for kind in kinds for batch in draw_batches(kind, batch_size, generator)]
        return [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]
    together: dict[Hashable, list[int]] = defaultdict(list)
    for i in torch.randperm(len(examples), generator=generator).tolist():
        together[examples[i].images or i].append(i)
    most = max(1, int(_ABOUT_ONE * batch_size))
    parts = [
        questions[at : at + most] for questions in together.values() for at in range(0, len(questions), most)
    ]
    order = [i for part in torch.randperm(len(parts), generator=generator).tolist() for i in parts[part]]
    return [[examples[i] for i in order[at : at + batch_size]] for at in range(0, len(order), batch_size)]


def forwards(examples: Sequence[Example], micro_batch_size: int) -> list[list[Row]]:
    """Divide examples into forwards of rows with the same pictures, of at most `micro_batch_size` examples.

    A row is at most as long as two of its examples alone. Rows of a forward have equally long prefixes and
    are about as long, so that no text is padded to the length of a picture.
    """
    by_images: dict[tuple[int, ...], dict[int, int]] = defaultdict(dict)
    for number, example in enumerate(examples):
        by_images[example.images][number] = len(example.ids)
    rows: list[Row] = []
    for lengths in by_images.values():
        before, longest = len(examples[next(iter(lengths))].prefix.ids), max(lengths.values())
        room = min(before + longest, micro_batch_size * longest)
        rows += [[examples[number] for number in row] for row in group_into_rows(lengths, room)]
    rows.sort(key=lambda row: (len(row[0].prefix.ids), _length(row)))
    made: list[list[Row]] = []
    for row in rows:
        if made and _fits(row, made[-1], micro_batch_size):
            made[-1].append(row)
        else:
            made.append([row])
    return made


def _length(row: Row) -> int:
    """Positions."""
    return len(row[0].prefix.ids) + sum(len(example.ids) for example in row)


def _fits(row: Row, forward: Sequence[Row], micro_batch_size: int) -> bool:
    """Whether a row, no shorter than those of a forward, may join them."""
    shortest = forward[0]
    return (
        len(row[0].prefix.ids) == len(shortest[0].prefix.ids)
        and _length(shortest) >= (1 - _PADDING) * _length(row)
        and sum(map(len, forward)) + len(row) <= micro_batch_size
    )
