"""What of a photo that is no square a model does not see, said before anyone wonders about the results.

Known from a model's folder or the hub's cache, without the network and without loading it.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import BaseModel

from common.core import foreign
from common.core.models import PADDED

OFF_SQUARE = 1.1  # longer side by shorter side from which on what is cut off is worth a sentence
FILES = ("config.json", "processor_config.json", "preprocessor_config.json")


class _Config(BaseModel):
    """What of a model's files says whether it cuts pictures, at their top or one level deeper."""

    model_type: str = ""
    do_center_crop: bool | None = None
    do_pad: bool | None = None
    image_processor: "_Config | None" = None


def warning(models: Mapping[str, tuple[str, str | None]], sizes: Iterable[tuple[int, int]]) -> str | None:
    """One sentence if a model sees no more than the middle square of some pictures; None if none does.

    Args:
        models: section of params.base → folder and None, or hub id and commit.
        sizes: widths and heights, in pixels.

    """
    sizes = list(sizes)
    wide = sum(off_square(size) for size in sizes)
    cutting = [f"base.{key}.model, {named[0]}," for key, named in models.items() if _cuts(*named)]
    if not wide or not cutting:
        return None
    return sentence(f"of {wide} of {len(sizes)} photos,", " and ".join(cutting))


def sentence(what: str, model: str) -> str:
    """What a model that cuts does, and what to do about it."""
    return f"{what} {model} sees no more than the middle square: have the subject there"


def off_square(size: tuple[int, int]) -> bool:
    """Whether so much of a picture of this width and height is cut off that it matters."""
    return max(size) > OFF_SQUARE * min(size)


def _cuts(model: str, commit: str | None) -> bool:
    configs = [config for name in FILES if (config := _read(model, commit, name))]
    processors = [config.image_processor or config for config in configs]
    crops = any(one.do_center_crop and not one.do_pad for one in processors)
    return crops and not any(config.model_type in PADDED for config in configs)


def _read(model: str, commit: str | None, name: str) -> _Config | None:
    path: Path | str | object = Path(model) / name
    if commit is not None:
        from huggingface_hub import try_to_load_from_cache

        path = try_to_load_from_cache(model, name, revision=commit)
    if not isinstance(path, (str, Path)) or not Path(path).is_file():
        return None
    try:
        return foreign.parsed(Path(path).read_bytes(), _Config)
    except foreign.FormError:  # who loads the model says so
        return None
