"""A row of the index, made in one way for every source."""

from pathlib import PurePosixPath
from typing import Any

from stages.core import web

Rows = list[dict[str, Any]]


def row(key: str, url: str, caption: str | None, picture: web.Picture | None) -> dict[str, Any]:
    """A row of INDEX_METADATA; without a picture, retrieve fetches it from `url` when it is wanted."""
    return {
        "key": key,
        "url": url,
        "caption": caption,
        "sha256": picture and picture.sha256,
        "width": picture and picture.image.width,
        "height": picture and picture.image.height,
        "image": picture
        and {"bytes": picture.data, "path": str(PurePosixPath(key).with_suffix(picture.suffix))},
    }
