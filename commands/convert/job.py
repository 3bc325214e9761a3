"""What one conversion is about: the command line and params.yaml as plain values. Converts nothing itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from common import vlm
    from common.clip import Clip


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
        load_clip: opens the base CLIP, for formats of a method.
        methods: the sections under `methods` in params.yaml, for the same.

    """

    subject: str
    kind: str
    photos: Path
    path: Path
    system: str
    load_base: Callable[[], "vlm.Base"]
    load_clip: "Callable[[], Clip] | None" = None
    methods: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def token(self) -> str:
        """How texts name the subject: ``<bo>``."""
        return f"<{self.subject}>"
