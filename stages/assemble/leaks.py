"""No test photo may be trained on, whatever its file is called.

Compares pixels, so that a copy saved under another name or format is found. Does not look for near
duplicates.
"""

from collections.abc import Sequence
from pathlib import Path

from common.core.errors import UserError
from common.core.images import list_photos, load_image, pixel_sha256, read_bytes
from common.core.io import sha256_bytes
from stages.assemble.dataset import SourceImage


def refuse_test_photos(subject: str, test_folder: Path, pictures: Sequence[SourceImage]) -> None:
    """Raise UserError, naming both files, if a picture of the training set is also one of the subject's test
    photos.
    """
    trained = {picture.sha256: picture for picture in pictures}
    trained |= {pixel_sha256(picture.image): picture for picture in pictures}
    for path in list_photos(test_folder):
        data = read_bytes(path)
        same = trained.get(sha256_bytes(data)) or trained.get(pixel_sha256(load_image(data, str(path))))
        if same is None:
            continue
        remedy = (
            "delete one of the two files"
            if same.role == "positive"
            else f"take it out of the corpus, for it shows {subject} and would be trained on as somebody else"
        )
        raise UserError(f"{same.source} is the same picture as the test photo {path}: {remedy}")
