"""The subjects as people see them: owns their cards and the small pictures on these."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from commands.page import measured
from common.core import images, paths
from common.core.errors import UserError

SIDE = 320  # pixels of a picture on a card


@dataclass(frozen=True)
class SubjectCard:
    """One subject.

    Attributes:
        subject: the id.
        kind: one of params.yaml's.
        trained: whether it can be talked about with its soft prompt.
        accuracy: of the last evaluation; None if there was none since it was learned.
        picture: when its picture was written, which makes addresses differ; None if it has none.

    """

    subject: str
    kind: str
    trained: bool
    accuracy: measured.Accuracy | None
    picture: int | None


def cards(subjects: Mapping[str, tuple[str, str]], trained: list[str]) -> tuple[list[SubjectCard], str]:
    """Cards of subjects (id → kind and source), and a sentence if photos or measurements cannot be read."""
    problem, accuracies = "", {}
    try:
        for subject, evaluation in measured.evaluations(paths.SOFT_PROMPT, trained).items():
            accuracies[subject] = evaluation.accuracies[subject]
    except UserError as error:
        problem = str(error)
    shown = []
    for subject, (kind, source) in subjects.items():
        written = None
        try:
            if photo := first_photo(subject, source):
                written = photo.stat().st_mtime_ns
        except (UserError, OSError) as error:
            problem = str(error)
        shown.append(SubjectCard(subject, kind, subject in trained, accuracies.get(subject), written))
    return shown, problem


def first_photo(subject: str, source: str) -> Path | None:
    """The photo that stands for a subject: the first that it is learned from."""
    folder = paths.train_photos(subject, source)
    return next(iter(images.list_photos(folder)), None) if folder.is_dir() else None


def picture(photo: Path) -> bytes:
    """A small square JPEG of a photo; UserError if it is none."""
    return _picture(photo, photo.stat().st_mtime_ns)


@lru_cache(maxsize=256)
def _picture(photo: Path, written: int) -> bytes:
    image = images.load_image(photo)
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 3  # heads are above the middle
    return images.thumbnail(image.crop((left, top, left + side, top + side)), SIDE)
