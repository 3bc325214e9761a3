"""What one conversion is about: the command line and params.yaml as plain values. Converts nothing itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.core.preset import ClipModel
from common.core.seed import seed_everything

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


def loaders(
    load_kwargs: Mapping[str, Any], clip: ClipModel, seed: int, threads: int, *, once: bool
) -> "tuple[Callable[[], vlm.Base], Callable[[], Clip]]":
    """Return what opens base and CLIP, when first asked for: once, or anew each time."""

    def load_base() -> "vlm.Base":
        from common import vlm  # seconds, which formats without a model need not wait for

        seed_everything(seed, threads)
        return vlm.load(**load_kwargs)

    def load_clip() -> "Clip":
        from common.clip import Clip

        return Clip(clip.model, clip.revision, load_kwargs["device"])

    return (cache(load_base), cache(load_clip)) if once else (load_base, load_clip)
