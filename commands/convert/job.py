"""What one conversion is about: the command line and params.yaml as plain values. Converts nothing itself."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from common import vlm


@dataclass(frozen=True)
class Job:
    """One subject and one path.

    Attributes:
        subject: id.
        kind: person, pet, landmark, object or character.
        photos: folder of the train photos.
        path: the foreign file or folder, to be written or read.
        system: sentence before ``USER:``; empty for none.
        load_base: opens the base model, which takes seconds.

    """

    subject: str
    kind: str
    photos: Path
    path: Path
    system: str
    load_base: Callable[[], "vlm.Base"]

    @property
    def token(self) -> str:
        """How texts name the subject: ``<bo>``."""
        return f"<{self.subject}>"
