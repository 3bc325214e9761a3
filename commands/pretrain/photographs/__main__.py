"""`python -m commands.pretrain.photographs FOLDER [part [SUBJECTS]]`: make what models/photographs holds.

FOLDER holds Flickr8k as train, dev and test.parquet. Parts that make the LLaVA-like model: prepare, learn,
write, gates; all of these, or `all`. `clip` makes the CLIP. A part goes on where it was stopped. SUBJECTS is
a folder of real subjects, photos beside classes.csv (subject, class), for the gates on recognition.
"""

from pathlib import Path

from common.core.errors import UserError, run
from common.core.paths import PHOTOGRAPHS, PRETRAIN


def main(source: str, part: str = "all", subjects: str | None = None) -> str:
    """Run one part, or all."""
    from commands.pretrain.photographs import recipe

    chosen, work, folder = recipe.settings(), PRETRAIN / "photographs", Path(source)
    real = Path(subjects) if subjects else None
    parts = {
        "all": lambda: recipe.pretrain(folder, work, PHOTOGRAPHS, real),
        "prepare": lambda: recipe.prepare(folder, work, chosen),
        "learn": lambda: recipe.learn_together(folder, work, chosen),
        "write": lambda: recipe.write(work, PHOTOGRAPHS, chosen),
        "gates": lambda: recipe.measure(folder, work, PHOTOGRAPHS, chosen, real),
        "clip": lambda: recipe.write_clip(folder, work, PHOTOGRAPHS, chosen),
    }
    if part not in parts:
        raise UserError(f"{part!r} is not a part of this pretraining: use one of {', '.join(parts)}")
    return parts[part]() or f"{part} done"


if __name__ == "__main__":
    run(main)
