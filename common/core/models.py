"""A model by its name in params.yaml: what may stand there, and what to do when there is no such model."""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common.core import paths
from common.core.errors import UserError
from common.core.progress import printable

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")  # organization/model
COMMIT = re.compile(r"[0-9a-f]{40}")
PADDED = ("llava",)  # by the config's model_type: pictures are padded before their processor cuts them
HUB = "https://huggingface.co"

# bitsandbytes tells of a package that it can do without, as soon as a library looks whether it is there.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)


def problem(key: str, model: str, revision: str | None) -> str | None:
    """Say what is wrong with a name and its commit, as far as this machine knows; None if nothing.

    Args:
        key: of the section that names it, such as base.vlm.
        model: folder or hub id.
        revision: 40-digit commit of a hub model; None for a folder.

    """
    pin = f"{key}.revision"
    if Path(model).is_dir():
        if revision is not None:
            return f"{paths.PARAMS}: {pin} is for hub models, but {model} is a folder: set it to null"
        return None
    if not HUB_ID.fullmatch(model):
        made = Path(model) == paths.SMOLLM2 / "llava"
        remedy = "run `make smollm2`, which makes it" if made else "mend the name or restore the folder"
        return f"{paths.PARAMS}: {key}.model names the folder {model}, which is missing: {remedy}"
    if not COMMIT.fullmatch(revision or ""):
        return (
            f"{paths.PARAMS}: {pin} is {revision!r}: give the 40-digit commit of {model} on the hub, "
            f"which `{_heads(model)}` prints, or restore the folder {model} if it was one"
        )
    return None


@contextmanager
def explained(key: str, model: str, revision: str | None) -> Iterator[None]:
    """Turn what loaders raise into one sentence that says what to do. Arguments as in `problem`."""
    sentence = problem(key, model, revision)
    if sentence:
        raise UserError(sentence)
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # a config or tokenizer of others makes loaders raise nearly every kind
        if type(error).__name__ == "OutOfMemoryError":  # torch's, which `errors.run` explains
            raise
        reason = printable(str(error).strip().split("\n")[0] or type(error).__name__)
        remedy = _remedy(error, model, revision) if revision else "restore the folder with git"
        raise UserError(f"{key}.model: {model} could not be loaded ({reason}): {remedy}") from error


def refuse_gaps(key: str, model: str, loaded: Mapping[str, Any]) -> None:
    """Raise UserError if tensors that the config names were not in the weights: transformers makes them up.

    Args:
        key: as in `problem`.
        model: folder or hub id.
        loaded: what `from_pretrained` tells with `output_loading_info`.

    """
    gaps = sorted({*map(str, loaded["missing_keys"]), *map(str, loaded["mismatched_keys"])})
    if gaps:
        raise UserError(
            f"{key}.model: the weights of {model} lack {len(gaps):,} of the tensors that its "
            f"config.json names ({gaps[0]}, …), which would be random: restore or download it whole"
        )


def refuse_other_side(key: str, model: str, processor: Any, config: Any) -> None:
    """Raise UserError if a processor cuts pictures to another size than the vision tower was made for.

    Args:
        key: base.vlm or base.clip.
        model: folder or hub id.
        processor: its processor.
        config: its config.

    """
    made = (getattr(processor.image_processor, "crop_size", None) or {}).get("height")
    expected = getattr(getattr(config, "vision_config", None), "image_size", None)
    if isinstance(made, int) and isinstance(expected, int) and made != expected:
        raise UserError(
            f"{key}.model: the processor of {model} makes pictures of {made} x {made} pixels, and its "
            f"config.json expects {expected} x {expected}: take both from one model"
        )


def _remedy(error: BaseException | None, model: str, revision: str | None) -> str:
    """What to do about a hub model, by what the hub answered, which the loaders' errors come from."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    while error is not None:
        if isinstance(error, GatedRepoError):
            return f"accept its terms on {HUB}/{model}, run `hf auth login`, and then the command again"
        if isinstance(error, RepositoryNotFoundError):
            return "mend the name, or, if it is private, run `hf auth login`"
        if isinstance(error, RevisionNotFoundError):
            return f"give the commit that `{_heads(model)}` prints"
        error = error.__cause__ or error.__context__
    return f"check the network, or download it once with `hf download {model} --revision {revision}`"


def _heads(model: str) -> str:
    return f"git ls-remote {HUB}/{model} HEAD"
