"""A subject's photos as what retrieval needs: embeddings to search with, hashes to keep out."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from common.clip import Clip, embed
from common.core import images
from common.core.io import sha256_bytes
from common.corpus.web import shrink
from stages.retrieve.select import QuerySubject


class SubjectPhotos(NamedTuple):
    """A subject's photos: those to search with, and the folders of all, none of which may be a negative."""

    queries: Sequence[Path]
    folders: Sequence[Path]


def read(photos: SubjectPhotos, clip: Clip, max_side: int) -> QuerySubject:
    """Queries embedded, upright and flipped; all photos hashed, also at the index's size."""
    hashes, own = set(), {}
    for path in (path for each in photos.folders if each.is_dir() for path in images.list_photos(each)):
        data = images.read_bytes(path)
        photo = images.load_image(data, str(path))
        kept = images.pixel_sha256(
            shrink(photo, max_side)
        )  # what the index made of it, had it found this photo
        hashes |= {sha256_bytes(data), images.pixel_sha256(photo), kept}
        if path in photos.queries:
            own[path.name] = photo
    mirrored = [photo.transpose(images.Image.Transpose.FLIP_LEFT_RIGHT) for photo in own.values()]
    return QuerySubject(list(own), embed(clip, list(own.values())), embed(clip, mirrored), frozenset(hashes))
