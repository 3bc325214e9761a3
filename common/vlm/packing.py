"""Suffixes that share a row: which do, where each stands in it, and what each attends to.

With a row of its own for every question, an image's keys and values would be copied and read for each.
Questions about one image stand one after another in a row instead, behind one prefix; the mask keeps them
from attending to each other, and each counts its positions as if alone, so that only the time changes.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch

# Segment ids: of padding, which nothing attends to, and of positions that all later ones attend to. To
# others, later ones of the same segment attend.
PADDING, SHARED = 0, 1


class PackedBatch(NamedTuple):
    """Tokens of N suffixes in R rows, on the CPU, int64.

    Attributes:
        ids: (R, T), left-padded with 0.
        segment_ids: (R, T), a number of its own for each suffix.
        samples: (R, T), the suffix that a position belongs to, counted 0 … N - 1 in the order of the rows.
        last: (N,), where in the flattened rows each suffix ends.

    """

    ids: torch.Tensor
    segment_ids: torch.Tensor
    samples: torch.Tensor
    last: torch.Tensor


def group_into_rows(lengths: Mapping[int, int], room: int) -> list[list[int]]:
    """Divide the suffixes of one image (number → length) into rows of about as many.

    Those of a row are together no longer than `room`, or there is only one. With the prefix's length as
    room, attention reads at most twice the positions that it must.
    """
    order = sorted(lengths, key=lambda number: lengths[number])
    size = max(1, room // max(lengths.values()))
    size = math.ceil(len(order) / math.ceil(len(order) / size))
    return [order[start : start + size] for start in range(0, len(order), size)]


def pack_rows(rows: Sequence[Sequence[int]], tokens: Mapping[int, Sequence[int]]) -> PackedBatch:
    """Put the next tokens of each row's suffixes, which are called by numbers, one after another."""
    order = [number for row in rows for number in row]
    place = {number: at for at, number in enumerate(order)}
    whole = [[token for number in row for token in tokens[number]] for row in rows]
    owners = [[number for number in row for _ in tokens[number]] for row in rows]
    length = max(map(len, whole))
    last = []
    for at, row in enumerate(rows):
        end = (at + 1) * length - 1
        for number in reversed(row):
            last.append(end)
            end -= len(tokens[number])
    return PackedBatch(
        pad_left(whole, 0),
        pad_left([[SHARED + 1 + number for number in row] for row in owners], PADDING),
        pad_left([[place[number] for number in row] for row in owners], 0),
        torch.tensor(sorted(last)),
    )


def pad_left(rows: Sequence[Sequence[int]], fill: int, length: int | None = None) -> torch.Tensor:
    """Stack rows of ids to (B, S) int64 on the CPU; S is `length`, or None for that of the longest row."""
    length = length or max(map(len, rows))
    return torch.tensor([[fill] * (length - len(row)) + list(row) for row in rows])


def segment_ids_of(suffixes: Sequence[Sequence[int]], length: int | None = None) -> torch.Tensor:
    """Make the segment ids (B, S) int64 on the CPU of suffixes that have a row each; S as in `pad_left`."""
    return pad_left([[SHARED] * len(suffix) for suffix in suffixes], PADDING, length)


def attention_mask(segment_ids: torch.Tensor, length: int) -> torch.Tensor:
    """Say which positions the last ones attend to.

    Args:
        segment_ids: (B, T) int64 over all positions so far.
        length: S, how many of them ask.

    Returns:
        (B, S, T) bool.

    """
    total = segment_ids.shape[1]
    order = torch.arange(total, device=segment_ids.device)
    alike = segment_ids[:, None, :] == segment_ids[:, total - length :, None]
    open_to = (segment_ids[:, None, :] == SHARED) | alike & (segment_ids[:, None, :] != PADDING)
    return open_to & (order <= order[total - length :, None])
