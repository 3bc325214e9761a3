"""What the last evaluation says of a subject and of a probability: read from data/predictions.

The same numbers as the report's: recognition is the mean of the accuracies on a subject's own test photos and
on all others', look-alikes left out; probabilities are counted over all photos, in ten bins.
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from common.core import io, paths, schema
from common.vlm.soft_prompt import INFO

BINS = 10
SAME_CHECKOUT_S = 60  # DVC brings files back in any order


class Accuracy(NamedTuple):
    """How well a subject was recognized.

    Attributes:
        weighted: mean of the accuracies on its own test photos and on the others', 0 to 1.
        photos: how many were shown.

    """

    weighted: float
    photos: int


class Bin(NamedTuple):
    """What became of probabilities that are alike.

    Attributes:
        low: from here on, 0 to 1.
        high: up to here.
        photos: that were given such a probability.
        share: of these that showed the subject, 0 to 1.

    """

    low: float
    high: float
    photos: int
    share: float


def accuracies(subjects: list[str]) -> dict[str, Accuracy]:
    """Of the soft prompts that were evaluated since they were learned; UserError if the file is damaged."""
    table = paths.predictions(paths.SOFT_PROMPT, "recognition")
    if not table.is_file():
        return {}
    found = _read(table, table.stat().st_mtime_ns)[0]
    evaluated = table.stat().st_mtime + SAME_CHECKOUT_S
    cards = {subject: paths.subject_model(subject) / INFO for subject in subjects if subject in found}
    return {
        subject: found[subject]
        for subject, card in cards.items()
        if card.is_file() and card.stat().st_mtime <= evaluated
    }


def bin_of(method: str, probability: float) -> Bin | None:
    """The bin that P(yes) of a method falls into; None if nothing was measured there."""
    table = paths.predictions(method, "recognition")
    if not table.is_file():
        return None
    return _read(table, table.stat().st_mtime_ns)[1].get(min(int(probability * BINS), BINS - 1))


@lru_cache(maxsize=16)
def _read(table: Path, written: int) -> tuple[Mapping[str, Accuracy], Mapping[int, Bin]]:
    """Accuracies by subject and bins by number, of the method whose folder it is."""
    columns = io.read_parquet(table, schema.RECOGNITION).to_pandas()
    rows = columns[columns.method == table.parent.name]
    right = (rows.parsed == "yes") == rows.label
    right &= rows.parsed.notna()
    test = rows.assign(right=right)[rows.group == "test"]
    accuracy = {
        str(subject): Accuracy(float(part.groupby("label").right.mean().mean()), len(part))
        for subject, part in test.groupby("subject")
    }
    sure = rows[rows.p_yes.notna()]
    bins = {
        int(number): Bin(number / BINS, (number + 1) / BINS, len(part), float(part.label.mean()))
        for number, part in sure.groupby((sure.p_yes * BINS).astype(int).clip(upper=BINS - 1))
    }
    return accuracy, bins
