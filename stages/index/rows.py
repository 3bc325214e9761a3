"""A row of the index, made in one way for every source."""

from pathlib import PurePosixPath
from typing import Any

from common.corpus import web
from common.corpus.corpus_entry import CorpusEntry

IndexRows = list[dict[str, Any]]


def row(key: str, entry: CorpusEntry, picture: web.CorpusImage | None) -> dict[str, Any]:
    """A row of INDEX_METADATA; without a picture, retrieve fetches it from its URL when it is wanted."""
    return {
        "key": key,
        **entry._asdict(),
        "sha256": picture and picture.sha256,
        "original_sha256": picture and picture.original_sha256,
        "width": picture and picture.image.width,
        "height": picture and picture.image.height,
        "image": picture
        and {"bytes": picture.data, "path": str(PurePosixPath(key).with_suffix(picture.suffix))},
    }
