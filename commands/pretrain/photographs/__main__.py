"""`python -m commands.pretrain.photographs FOLDER [PART]`: make what models/photographs holds.

With --language smollm2, what models/photographs-smollm2 holds. A part goes on where it was stopped.
"""

import argparse
from pathlib import Path

from common.core.errors import run
from common.core.paths import PHOTOGRAPHS, PRETRAIN, SMOLLM2

PARTS = ("all", "prepare", "learn", "write", "gates", "clip")


def main(*words: str) -> str:
    """Run one part, or all."""
    parser = argparse.ArgumentParser(prog="python -m commands.pretrain.photographs", description=__doc__)
    parser.add_argument("folder", type=Path, help="holds Flickr8k as train, dev and test.parquet")
    parser.add_argument("part", nargs="?", default="all", choices=PARTS, help="all: all but clip")
    parser.add_argument(
        "--language", default="new", choices=("new", "smollm2"), help="a new Llama, or changes to SmolLM2"
    )
    parser.add_argument(
        "--subjects", type=Path, help="real subjects, for the gates on recognition: photos and classes.csv"
    )
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"), help="where weights are learned")
    options = parser.parse_args(words)

    from commands.pretrain.photographs import recipe, settings  # seconds, which a mistake need not wait for

    published = options.language == "smollm2"
    chosen = settings.settings(settings.SMOLLM2 if published else settings.SETTINGS)
    work = PRETRAIN / ("photographs-smollm2" if published else "photographs")
    target = SMOLLM2 if published else PHOTOGRAPHS
    parts = {
        "all": lambda: recipe.pretrain(
            options.folder, work, target, chosen, options.subjects, options.device
        ),
        "prepare": lambda: recipe.prepare(options.folder, work, chosen),
        "learn": lambda: recipe.learn_together(options.folder, work, chosen, options.device),
        "write": lambda: recipe.write(work, target, chosen),
        "gates": lambda: recipe.measure(options.folder, target, chosen, options.subjects),
        "clip": lambda: recipe.write_clip(options.folder, work, target, chosen),
    }
    return parts[options.part]() or f"{options.part} done"


if __name__ == "__main__":
    run(main)
