"""Suffixes that share a row: which do, and that each sees its prefix and itself alone.

That answers stay the plain model's is in test_vlm_exact.py, for every family.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch

from common import vlm
from common.vlm.packing import PADDING, SHARED, attention_mask, group_into_rows, pack_rows
from tests.support import tiny
from tests.support.vlm_helpers import assert_same_answers, noise_images, soft_prompt

LENGTHS = {4: 30, 7: 10, 1: 12, 9: 11, 2: 10}


@pytest.mark.parametrize("room", [5, 24, 60, 1000])
def test_rows_hold_what_there_is_room_for(room: int) -> None:
    rows = group_into_rows(LENGTHS, room)
    assert sorted(number for row in rows for number in row) == sorted(LENGTHS)
    for row in rows:
        assert len(row) == 1 or sum(LENGTHS[number] for number in row) <= room


def test_rows_are_about_as_full() -> None:
    assert [len(row) for row in group_into_rows(dict.fromkeys(range(40), 45), 614)] == [10, 10, 10, 10]


def test_a_suffix_sees_its_prefix_and_itself() -> None:
    laid = pack_rows([[3, 0], [5]], {0: [20, 21], 3: [10, 11, 12], 5: [30, 31]})
    assert laid.ids.tolist() == [[10, 11, 12, 20, 21], [0, 0, 0, 30, 31]]
    assert laid.samples.tolist() == [[0, 0, 0, 1, 1], [0, 0, 0, 2, 2]]
    assert laid.last.tolist() == [2, 4, 9]
    before = torch.tensor([[SHARED, SHARED], [PADDING, SHARED]])
    seen = attention_mask(torch.cat([before, laid.segment_ids], 1), 5)
    assert seen[0].int().tolist() == [
        [1, 1, 1, 0, 0, 0, 0],
        [1, 1, 1, 1, 0, 0, 0],
        [1, 1, 1, 1, 1, 0, 0],
        [1, 1, 0, 0, 0, 1, 0],
        [1, 1, 0, 0, 0, 1, 1],
    ]
    assert seen[1].int().tolist() == [
        *[[0, 1, 0, 0, 0, 0, 0]] * 3,
        [0, 1, 0, 0, 0, 1, 0],
        [0, 1, 0, 0, 0, 1, 1],
    ]


@pytest.fixture
def gathered(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[int | None]]:
    """Of each batch so far, whose prefixes its rows begin with."""
    made: list[Sequence[int | None]] = []
    batches = vlm.PrefixCache.batches

    def watched(
        self: vlm.PrefixCache, order: Iterator[Sequence[int | None]], extra_slots: int
    ) -> Iterator[vlm.PrefixBatch]:
        return batches(self, (made.append(rows) or rows for rows in order), extra_slots)

    monkeypatch.setattr(vlm.PrefixCache, "batches", watched)
    return made


def verbose(folder: Path) -> vlm.Base:
    """A model whose prefixes are longer than several questions."""
    return vlm.load(str(tiny.llava(folder)), system=("The dog is next to the tree. " * 8).strip())


def test_questions_about_one_image_share_its_prefix(
    tmp_path: Path, gathered: list[Sequence[int | None]]
) -> None:
    base = verbose(tmp_path)
    prefixes = vlm.encode_prefixes(base, noise_images(3))
    queries = [
        vlm.Query(question, image, soft_prompt(base, "bo", rows, seed=rows))
        for question in ("Is <bo> here?", "What?", "What color is the dog next to <bo>?")
        for image in (1, 0, None)
        for rows in (2, 3)
    ]
    shared = vlm.answer(base, queries, prefixes, max_new_tokens=4, batch_size=3)
    assert 3 <= sum(map(len, gathered)) <= len(queries) / 2
    assert all(len(rows) == 3 for rows in gathered[:-1])
    alone = [vlm.answer(base, [query], prefixes, max_new_tokens=4, batch_size=1)[0] for query in queries]
    assert_same_answers(shared, alone)


def test_a_batch_has_as_many_rows_as_are_asked_for_whatever_they_hold(
    tmp_path: Path, gathered: list[Sequence[int | None]]
) -> None:
    base = verbose(tmp_path)
    prefixes = vlm.encode_prefixes(base, noise_images(10))
    queries = [vlm.Query(question, image) for image in range(10) for question in ("What?", "Is it?", "Who?")]
    vlm.answer(base, queries, prefixes, max_new_tokens=2, batch_size=10)
    assert [sorted(rows) for rows in gathered] == [list(range(10))]
