"""What the last evaluation says of a subject and of a probability: from data/predictions and the report.

The same numbers as the report's: recognition is the mean of the accuracies on a subject's own test photos and
on all others', look-alikes left out; probabilities are counted over all photos, in ten bins.
"""

from collections.abc import Mapping, Sequence
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


class Evaluation(NamedTuple):
    """What the last evaluation of a method says.

    Attributes:
        accuracies: by subject.
        bins: by number, the first holds the least probabilities; those that nothing fell into are missing.
        threshold: P(yes) from which a photo is best taken for one of the subject, 0 to 1; None if the report
            is not of this evaluation, or the method has no probabilities.

    """

    accuracies: Mapping[str, Accuracy]
    bins: Mapping[int, Bin]
    threshold: float | None

    def bin_of(self, probability: float) -> Bin | None:
        """The bin that P(yes) falls into; None if nothing was measured there."""
        return self.bins.get(min(int(probability * BINS), BINS - 1))


def evaluations(method: str, subjects: Sequence[str]) -> dict[str, Evaluation]:
    """The last evaluation of a method, for those of these subjects that it holds for.

    A soft prompt that was learned since is another one. Raises UserError if a file is damaged.
    """
    table = paths.predictions(method, "recognition")
    if not table.is_file():
        return {}
    accuracy, bins = _read(table, table.stat().st_mtime_ns)
    evaluation = Evaluation(accuracy, bins, _threshold(method, table))
    cards = {subject: paths.subject_model(subject) / INFO for subject in subjects}
    return {
        subject: evaluation
        for subject, card in cards.items()
        if subject in accuracy
        and (method != paths.SOFT_PROMPT or (card.is_file() and _made_since(table, card)))
    }


def _threshold(method: str, table: Path) -> float | None:
    """What the report says, if it was made since the method's table was."""
    report = paths.INTERVALS
    if not (report.is_file() and _made_since(report, table)):
        return None
    return io.read_json(report)["thresholds"].get(method)


def _made_since(path: Path, earlier: Path) -> bool:
    return path.stat().st_mtime >= earlier.stat().st_mtime - SAME_CHECKOUT_S


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
