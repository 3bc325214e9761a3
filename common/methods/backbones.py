"""The frozen models that params.yaml names, each loaded when it is first asked for.

Apart from the package itself, which the check stage reads too: that one needs no model.
"""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from common.core import log
from common.methods.interface import Backbones

if TYPE_CHECKING:
    from common import vlm
    from common.clip import Clip


def lazy_backbones(
    load_kwargs: Mapping[str, Any], clip: str, clip_revision: str | None, seed: int, batch_size: int
) -> Backbones:
    """Return backbones that load nothing yet.

    Args:
        load_kwargs: what `vlm.load` takes.
        clip: folder or hub id of the CLIP.
        clip_revision: commit of a hub CLIP; None for a folder.
        seed: of whatever a method draws.
        batch_size: rows of a forward pass.

    """

    def base() -> "vlm.Base":
        from common import vlm

        with log.phase("load the base model"):
            return vlm.load(**load_kwargs)

    def open_clip() -> "Clip":
        from common.clip import Clip

        with log.phase("load CLIP"):
            return Clip(clip, clip_revision, load_kwargs["device"])

    return Backbones(cache(base), cache(open_clip), seed, batch_size)
