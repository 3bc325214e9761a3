"""What a corpus says of a picture before anyone has seen it, whatever its columns are called.

Owns the column names of the public lists: CC3M and CC12M (`image_url`, `caption`), LAION-400M and LAION-2B
(`URL`, `TEXT`, `LICENSE`, `punsafe`, `hash`), Re-LAION (the same in small letters), COYO (`url`, `text`), and
of clip-retrieval's metadata and services. Other columns are passed over, such as `similarity`, which compares
a picture to its caption, and LAION-400M's `NSFW`, which names grades where `punsafe` has a number. Does not
own reading (index) or asking (retrieve).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

NAMES = {  # column of ours → theirs, in small letters; the first that there is counts
    "url": ("url", "image_url"),
    "caption": ("caption", "text"),
    "license": ("license", "licence"),
    "listed_hash": ("hash",),
    "punsafe": ("punsafe",),
}


class Listed(NamedTuple):
    """An entry of a corpus; None is what the corpus does not say."""

    url: str | None
    caption: str | None = None
    license: str | None = None
    listed_hash: str | None = None
    punsafe: float | None = None


def columns(names: Sequence[str]) -> dict[str, str]:
    """Which column holds what: ours → the table's."""
    small = {name.lower(): name for name in reversed(names)}
    return {
        ours: next(small[name] for name in theirs if name in small)
        for ours, theirs in NAMES.items()
        if set(theirs) & set(small)
    }


def answered(found: Mapping[str, Any]) -> Listed:
    """An entry as a service answers it; a value that is not of its column's type counts as unknown."""
    values = {ours: found[theirs] for ours, theirs in columns([str(name) for name in found]).items()}
    number, listed_hash = values.pop("punsafe", None), values.get("listed_hash")
    known = isinstance(number, (int, float)) and math.isfinite(number)
    texts = {"url": None} | {
        name: value if isinstance(value, str) else None for name, value in values.items()
    }
    texts["listed_hash"] = str(listed_hash) if isinstance(listed_hash, (str, int)) else None
    return Listed(**texts, punsafe=float(number) if known else None)
