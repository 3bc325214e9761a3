"""What a corpus says of a picture before anyone has seen it, whatever its columns are called.

Owns the column names of the public lists: CC3M and CC12M (`image_url`, `caption`), LAION-400M and LAION-2B
(`URL`, `TEXT`, `LICENSE`, `punsafe`, `hash`), Re-LAION (the same in small letters), COYO (`url`, `text`),
Open Images (`OriginalURL`, `License`, `Title`), and of clip-retrieval's metadata and services. Other columns
are passed over, such as `similarity`, which compares a picture to its caption, and LAION-400M's `NSFW`, which
names grades where `punsafe` has a number. Does not own reading (index) or asking (retrieve).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

NAMES = {  # column of ours → theirs, in small letters; the first that there is counts
    "url": ("url", "image_url", "originalurl"),
    "caption": ("caption", "text", "title"),
    "license": ("license", "licence"),
    "listed_hash": ("hash",),
    "punsafe": ("punsafe",),
}
LONGEST_NUMBER = 40  # digits of a number in the place of a text, such as a hash


class CorpusEntry(NamedTuple):
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


def entry(values: Mapping[str, Any]) -> CorpusEntry:
    """An entry of these raw values, ours by name, whatever they are.

    A text is taken as it is, of a list its first text; a number counts where it is finite; anything else is
    unknown, for one odd value should lose neither its row nor the others.
    """
    texts = {name: _text(values.get(name)) for name in CorpusEntry._fields if name != "punsafe"}
    return CorpusEntry(**texts, punsafe=_number(values.get("punsafe")))


def from_service(values: Mapping[str, Any]) -> CorpusEntry:
    """An entry as a service answers it, under its names."""
    return entry({ours: values[theirs] for ours, theirs in columns(list(values)).items()})


def _text(value: Any) -> str | None:
    if isinstance(value, (list, tuple)):
        return next(filter(None, map(_text, value)), None)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)[:LONGEST_NUMBER]
    return value if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
