"""MyVLM's files of captions, ``{file name: [caption, …]}``, in a concept's folder beside its photos.

``captions.json`` is what people wrote; ``captions_augmented.json``, where there is one, is learned from in
its place. Texts call the concept by its folder's name. Owns their names and form.
"""

import re
from pathlib import Path

from common.core import foreign

CAPTIONS, AUGMENTED = "captions.json", "captions_augmented.json"
ABOUT = '{"file name": ["caption", …]} is expected'


def read(folder: Path, *names: str) -> dict[str, list[str]] | None:
    """Captions by photo, from the first of the named files that is there; None if none is.

    Raises UserError if that file is of another form.
    """
    path = next((folder / name for name in names if (folder / name).is_file()), None)
    return None if path is None else foreign.read(path, dict[str, list[str]], ABOUT)


def with_token(text: str, concept: str, token: str) -> str:
    """The text with ``<id>`` where the concept's name stands as a word of its own, in any case of letters."""
    return re.sub(rf"(?<![\w<]){re.escape(concept)}(?![\w>])", token, text, flags=re.IGNORECASE)
