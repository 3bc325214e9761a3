"""When an adapter has learned enough: questions kept from training, and the epoch that answers them best.

Personal data are few, and more epochs learn their wording by heart. Owns which questions are kept and which
epoch is; does not own the loss on them (`learn`).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from common.core.errors import UserError
from common.core.seed import stream
from common.training.samples import Sample

if TYPE_CHECKING:
    from common.methods.lora.settings import EarlyStop


def held_out(
    samples: Sequence[Sample], early_stop: "EarlyStop | None", seed: int, name: str
) -> tuple[Sequence[Sample], Sequence[Sample]]:
    """The samples that are learned, and those of the questions kept from training.

    A question is kept with all its answers, about whichever photo, for one of them would give it away.
    Recognition is learned whole; at least one question is kept and one learned. Raises UserError if there are
    fewer than two.
    """
    if early_stop is None:
        return samples, []
    questions = sorted({sample.question for sample in samples if sample.label is None})
    if len(questions) < 2:
        raise UserError(f"{name} has no two different questions to keep one from training: remove early_stop")
    lots = {question: stream(seed, "lora", name, "held out", question).random() for question in questions}
    count = min(max(1, round(early_stop.held_out * len(questions))), len(questions) - 1)
    kept = set(sorted(questions, key=lots.__getitem__)[:count])
    return (
        [sample for sample in samples if sample.label is not None or sample.question not in kept],
        [sample for sample in samples if sample.label is None and sample.question in kept],
    )


def best_epoch(curve: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The epoch to keep: of least loss on held-out questions, else the latest of those that validate best."""
    if "held_out_loss" in curve[0]:
        return min(curve, key=lambda row: row["held_out_loss"])
    return max(reversed(curve), key=lambda row: row["weighted"])
