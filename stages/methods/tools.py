"""Opens what methods may use: the frozen models that params.yaml names, each when it is first asked for.

Apart from the package itself, which the check stage reads too: that one needs no model.
"""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from stages.methods.interface import Tools

if TYPE_CHECKING:
    from stages import vlm
    from stages.core.clip import Clip


def opened(
    opening: Mapping[str, Any], clip: str, clip_revision: str | None, seed: int, batch_size: int
) -> Tools:
    """Return tools that load nothing yet; `opening` is what `vlm.load` takes."""

    def base() -> "vlm.Base":
        from stages import vlm

        return vlm.load(**opening)

    def open_clip() -> "Clip":
        from stages.core.clip import Clip

        return Clip(clip, clip_revision, opening["device"])

    return Tools(cache(base), cache(open_clip), seed, batch_size)
