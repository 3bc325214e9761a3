"""What is known of each subject besides its predictions: photos, negatives, training curve, words, counts.

Reads one subject's files at a time and keeps thumbnails only, so memory stays small whatever the photos.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from common.core import images, io, paths, schema
from common.core.conversations import descriptions, read_conversations
from common.core.errors import UserError
from common.prompts.interview import kinds_said
from common.prompts.kinds import doubt
from common.prompts.prior_knowledge import PriorKnowledge, prior_knowledge

SMALL = 64  # of the sheet of all hard negatives
THUMBNAIL = 112  # longest side, pixels; the size of the test photos that evaluate hands over


@dataclass(frozen=True)
class Negative:
    """A retrieved image that looks like the subject but is not."""

    image: bytes  # JPEG
    score: float  # cosine similarity to the train photo `query`
    query: str
    caption: str


@dataclass(frozen=True)
class SubjectSummary:
    """One subject's training side."""

    kind: str
    train: list[bytes]  # JPEG
    hardest: list[Negative]
    hard: list[Negative]  # all of them, smaller, the hardest first
    curve: pd.DataFrame  # by epoch
    descriptions: dict[str, str]  # short and long
    counts: dict[str, int]
    doubt: str | None  # what speaks against the base's words for it
    prior: PriorKnowledge  # what the base said of its name before training


def gather(subject: str, kind: str, train: Sequence[Path], examples: int) -> SubjectSummary:
    """Read a subject's files, `train` among them; `examples` limits the negatives shown large."""
    negatives = io.read_parquet(paths.negatives(subject), schema.NEGATIVES).to_pylist()
    spoken = read_conversations(subject)
    said = [row["kind"] for row in spoken]
    roles = [row["role"] for row in negatives]
    hard = sorted(
        (row for row in negatives if row["role"] == "hard"), key=lambda row: (-row["score"], row["key"])
    )
    return SubjectSummary(
        kind=kind,
        train=[images.thumbnail(images.load_image(path), THUMBNAIL) for path in train],
        hardest=[_negative(row, THUMBNAIL) for row in hard[:examples]],
        hard=[_negative(row, SMALL) for row in hard],
        curve=_curve(subject),
        descriptions=descriptions(spoken),
        counts={
            "train_photos": len(train),
            "hard_negatives": roles.count("hard"),
            "easy_negatives": roles.count("easy"),
            "conversations": said.count("qa"),
            "dropped_answers": said.count("dropped"),
        },
        doubt=doubt(kind, kinds_said(spoken, subject, kind)),
        prior=_prior(subject),
    )


def made_with(subjects: Sequence[str], seed: int, resamples: int) -> dict[str, str]:
    """What the numbers depend on, as train wrote it beside the soft prompts; of several, all.

    Raises UserError when a subject's file is missing.
    """
    cards = [_card(subject) for subject in subjects]
    said = {
        "base model": {
            f"{card['base']['model']}, {card['base']['dtype']}, "
            f"fingerprint {card['base']['fingerprint'].removeprefix('sha256:')[:8]}"
            for card in cards
        },
        "latent tokens": {str(card["latent_tokens"]) for card in cards},
        "seed": {str(seed)},
        "resamples behind an interval": {f"{resamples:,}"},
    }
    return {name: "; ".join(sorted(values)) for name, values in said.items()}


def _card(subject: str) -> dict[str, Any]:
    path = paths.subject_model(subject) / "soft_prompt.json"
    if not path.is_file():
        raise UserError(f"{path} is missing: run `dvc repro train@{subject}` to make it")
    return io.read_json(path)


def _negative(row: dict[str, Any], side: int) -> Negative:
    image = images.load_image(row["image"]["bytes"], row["url"])
    return Negative(images.thumbnail(image, side), row["score"], row["query"], row["caption"] or "")


def _prior(subject: str) -> PriorKnowledge:
    rows = io.read_parquet(paths.PRIOR_KNOWLEDGE, schema.PRIOR_KNOWLEDGE).to_pylist()
    return prior_knowledge([row for row in rows if row["subject"] == subject])


def _curve(subject: str) -> pd.DataFrame:
    path = paths.train_curve(subject)
    if not path.is_file():
        raise UserError(f"{path} is missing: run `dvc repro train@{subject}` to make it")
    return pd.read_csv(path)
