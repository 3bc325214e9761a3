"""`python -m commands.pretrain.photographs FOLDER [part]`: make models/photographs/llava from captions.

FOLDER holds Flickr8k as train, dev and test.parquet. Parts: prepare, learn, write, gates; all of them
without one. A part goes on where it was stopped.
"""

from pathlib import Path

import torch.multiprocessing as mp

from common.core.errors import UserError, run
from common.core.paths import PHOTOGRAPHS, PRETRAIN


def main(source: str, part: str = "all") -> str:
    """Run one part, or all."""
    from commands.pretrain.photographs import recipe
    from commands.pretrain.recipe import free_port

    chosen, work = recipe.settings(), PRETRAIN / "photographs"
    parts = {
        "all": lambda: recipe.pretrain(Path(source), work, PHOTOGRAPHS),
        "prepare": lambda: recipe.prepare(Path(source), work, chosen),
        "learn": lambda: mp.spawn(
            recipe.learn, (Path(source), work, chosen, free_port()), nprocs=chosen.processes
        ),
        "write": lambda: recipe.write(work, PHOTOGRAPHS, chosen),
    }
    if part not in parts:
        raise UserError(f"{part!r} is not a part of this pretraining: use one of {', '.join(parts)}")
    return parts[part]() or f"{part} done"


if __name__ == "__main__":
    run(main)
