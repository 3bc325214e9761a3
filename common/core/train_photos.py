"""Which of a subject's train photos are learned from: all, or so many of them (Figure 5 of the paper).

Retrieval, synthesis, assembly and the report see these alone.
"""

from pathlib import Path

from common.core import images, paths
from common.core.errors import UserError
from common.core.seed import stream
from common.core.vocabulary import Source


def choose(subject: str, source: Source, most: int | None, seed: int) -> list[Path]:
    """Draw at most so many of the photos in a subject's train folder, by name; None for all of them.

    The seed decides which; those of a smaller number are among those of a larger one. Raises UserError when
    the folder is missing or holds none.
    """
    folder = paths.train_photos(subject, source)
    photos = images.list_photos(folder)
    if not photos:
        raise UserError(f"the folder {folder} holds no photos: put the subject's photos there")
    if most is None:
        return photos
    drawn = stream(seed, "train photos", subject).permutation(len(photos))[:most]
    return [photos[number] for number in sorted(drawn)]
