"""A subject's photos as what retrieval needs: embeddings to search with, hashes to keep out."""

from pathlib import Path

from common.clip import Clip, embed
from common.core import images
from common.core.errors import UserError
from common.core.io import sha256_bytes
from common.corpus.web import shrink
from stages.retrieve.select import QuerySubject


def read(train: Path, test: Path, clip: Clip, max_side: int) -> QuerySubject:
    """Train photos embedded, upright and flipped; train and test photos hashed, also at the index's size."""
    paths = images.list_photos(train)
    if not paths:
        raise UserError(f"the folder {train} holds no photos: put the subject's photos there")
    hashes, photos = set(), []
    for path in paths + (images.list_photos(test) if test.is_dir() else []):
        data = images.read_bytes(path)
        photo = images.load_image(data, str(path))
        kept = images.pixel_sha256(
            shrink(photo, max_side)
        )  # what the index made of it, had it found this photo
        hashes |= {sha256_bytes(data), images.pixel_sha256(photo), kept}
        photos.append(photo)
    own = photos[: len(paths)]
    mirrored = [photo.transpose(images.Image.Transpose.FLIP_LEFT_RIGHT) for photo in own]
    return QuerySubject(
        [path.name for path in paths], embed(clip, own), embed(clip, mirrored), frozenset(hashes)
    )
