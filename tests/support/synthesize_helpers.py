"""Photos that synthesize reads, and the rows that it writes."""

from pathlib import Path

from common.core import io, paths, schema
from tests.support.helpers import save_photo, set_params

PHOTOS = 3


def prepare(workspace: Path, model: Path) -> Path:
    """A workspace with photos of `bo` and `mam`, of which params.yaml lists only `bo`; its path."""
    set_params({"base.vlm.model": str(model), "base.device.batch_size": 8, "synthesize.max_new_tokens": 4})
    for name, color in (("bo", 10), ("mam", 130)):
        for number in range(PHOTOS):
            save_photo(paths.train_photos(name, "world") / f"{number:02}.png", color + 40 * number)
    return workspace


def rows(subject: str) -> list[dict]:
    return io.read_parquet(paths.conversations(subject), schema.CONVERSATIONS).to_pylist()
