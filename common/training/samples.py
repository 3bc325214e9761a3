"""What is learned of a dataset: which rows count, how much each weighs, each picture once.

Serves the soft prompt (`common.training`) and the methods that it is compared with alike, without the model.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image

from common.core import io, schema
from common.core.errors import UserError
from common.core.images import load_image
from common.core.io import Row
from common.core.seed import stream
from common.core.vocabulary import Role


@dataclass(frozen=True)
class Sample:
    """One question, its answer and the index of its picture (None for text).

    label: is the subject in the picture? None where that is not what is asked.
    """

    question: str
    answer: str
    image: int | None
    label: bool | None
    weight: float = 1.0


@dataclass(frozen=True)
class TrainingSet:
    """Pictures, each once, and the samples that refer to them.

    Attributes:
        images: of all samples.
        training: what is learned.
        validation: what the epoch is chosen on.
        originals: the pictures that are learned from, unchanged; those of `validation`, unless others are
            held out for it.

    """

    images: list[Image.Image]
    training: list[Sample]
    validation: list[Sample]
    originals: list[Sample]

    @classmethod
    def of(cls, rows: Sequence[Row], balance: bool, held_out: Collection[str] = frozenset()) -> "TrainingSet":
        """Decode the pictures and weigh the rows.

        With `balance`, the training rows answered yes weigh as much in total as those answered no. Without,
        the larger class wins: five photos against two hundred negatives teach to say no to all.

        `held_out` are SHA-256 of photos and negatives: validation is on them, and nothing is learned of them.
        """
        unchanged = [row for row in rows if row["split"] == "validation"]
        validation = [row for row in unchanged if not held_out or row["source_sha256"] in held_out]
        originals = [row for row in unchanged if row["source_sha256"] not in held_out]
        index: dict[str, int] = {}
        images = []
        for row in rows:
            if row["image"] and row["image_sha256"] not in index:
                index[row["image_sha256"]] = len(images)
                images.append(load_image(row["image"]["bytes"], row["image"]["path"]))
        training = [row for row in rows if row["split"] == "train" and row["source_sha256"] not in held_out]
        counts = Counter(row["label"] for row in training if row["label"])
        weights = (
            {label: counts.total() / (len(counts) * n) for label, n in counts.items()} if balance else {}
        )

        def sample(row: Row, weight: float) -> Sample:
            label = None if row["label"] is None else row["label"] == "yes"
            return Sample(row["question"], row["answer"], index.get(row["image_sha256"]), label, weight)

        return cls(
            images,
            [sample(row, weights.get(row["label"], 1.0)) for row in training],
            [sample(row, 1.0) for row in validation],
            [sample(row, 1.0) for row in originals],
        )


def share_images(training_sets: Mapping[str, TrainingSet]) -> dict[str, TrainingSet]:
    """Let training sets share one list of pictures: what several subjects learn from is there once."""
    pool: dict[tuple[Any, ...], int] = {}
    images: list[Image.Image] = []
    sharing = {}
    for subject, training_set in training_sets.items():
        place = []
        for image in training_set.images:
            content = image.size, io.sha256_bytes(image.tobytes())
            if content not in pool:
                pool[content] = len(images)
                images.append(image)
            place.append(pool[content])

        def moved(samples: Sequence[Sample], place: Sequence[int] = place) -> list[Sample]:
            return [s if s.image is None else replace(s, image=place[s.image]) for s in samples]

        parts = (training_set.training, training_set.validation, training_set.originals)
        sharing[subject] = TrainingSet(images, *map(moved, parts))
    return sharing


def concatenate(training_sets: Sequence[TrainingSet]) -> TrainingSet:
    """Join training sets to one; pictures that several hold are there once."""
    parts = list(
        share_images(
            {str(number): training_set for number, training_set in enumerate(training_sets)}
        ).values()
    )
    return TrainingSet(
        parts[0].images,
        [sample for part in parts for sample in part.training],
        [sample for part in parts for sample in part.validation],
        [sample for part in parts for sample in part.originals],
    )


def held_out_sources(rows: Sequence[Row], share: float, seed: int, subject: str) -> set[str]:
    """SHA-256 of a share of the subject's photos, and of its negatives, at least one of each; none for 0.

    Drawn by lot for each picture, so that another one moves few. Raises UserError where nothing would be left
    to learn from.
    """
    chosen: set[str] = set()
    for label in ("yes", "no") if share else ():
        sources = {row["source_sha256"] for row in rows if row["label"] == label}
        count = max(1, round(share * len(sources)))
        if count >= len(sources):
            raise UserError(
                f"train.held_out is {share}, which leaves none of the {len(sources)} pictures of {subject} "
                f"that are answered {label}: lower it, or add photos"
            )
        lots = {source: stream(seed, "train", subject, "held out", source).random() for source in sources}
        chosen |= set(sorted(sources, key=lots.__getitem__)[:count])
    return chosen


def balanced_accuracy(samples: Sequence[Sample], said_yes: Sequence[bool]) -> dict[str, float]:
    """Shares of positives and of negatives that are answered rightly, and their mean, "weighted"."""
    right: dict[bool | None, list[bool]] = {True: [], False: []}
    for sample, said in zip(samples, said_yes, strict=True):
        right[sample.label].append(said == sample.label)
    positive, negative = (sum(hits) / len(hits) for hits in (right[True], right[False]))
    scores = {"positive": positive, "negative": negative, "weighted": (positive + negative) / 2}
    return {name: round(value, 6) for name, value in scores.items()}


def read_rows(path: Path, *, conversations: bool, hard: bool, easy: bool) -> list[Row]:
    """Read the rows of a dataset that are in use; negatives out of use are not validated on either.

    Raises UserError when positives or negatives are missing in either split.
    """
    used: dict[Role, bool] = {"positive": True, "text": conversations, "hard": hard, "easy": easy}
    rows = [row for row in io.read_parquet(path, schema.DATASET).to_pylist() if used[row["role"]]]
    there = {(row["split"], row["label"]) for row in rows}
    for split in ("train", "validation"):
        if (split, "yes") not in there:
            raise UserError(f"{path} has no positives for {split}: make it again with `dvc repro`")
        if (split, "no") not in there:
            raise UserError(f"{path} has no negatives in use: set train.data.hard or train.data.easy to true")
    return rows
