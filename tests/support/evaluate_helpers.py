"""Subjects that evaluate asks, and what it writes of them."""

from pathlib import Path

import pandas as pd

from common import vlm
from common.core import io, paths
from tests.support.helpers import set_params
from tests.support.subjects import populate, teach


def populated(tiny_llava: Path) -> None:
    """Two subjects of the world and one with own photos only, all "trained"."""
    subjects = {"bo": "world", "mam": "world", "my-dog": "own"}
    set_params(
        {
            "base.vlm.model": str(tiny_llava),
            "base.device.batch_size": 8,
            "evaluate.max_new_tokens": 4,
            "evaluate.threshold_negatives": 2,
            "evaluate.general_subjects": 2,
            "evaluate.captioned_others": 2,
            "subjects": {name: {"kind": "pet", "source": source} for name, source in subjects.items()},
        }
    )
    populate(subjects)
    teach(vlm.load(str(tiny_llava)), subjects)


def table(name: str, columns, method: str = "soft_prompt") -> pd.DataFrame:
    return io.read_parquet(paths.predictions(method, name), columns).to_pandas()


def files(but: str) -> dict[str, bytes]:
    """What was written of the soft prompt, without one table."""
    folder = paths.predictions("soft_prompt", "").parent
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.stem != but}
