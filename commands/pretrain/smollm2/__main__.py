"""Make the base of the preset photographs-smollm2: `python -m commands.pretrain.smollm2`."""

from common.core.errors import UserError, run
from common.core.paths import SMOLLM2


def main() -> str:
    """Read SmolLM2's weights from their locked package, change them, and write a folder that anyone loads."""
    target = SMOLLM2 / "llava"
    if target.exists():
        raise UserError(f"{target} is there: remove it to make it again")

    from commands.pretrain.photographs import low_rank, settings  # seconds, which a mistake need not wait for

    low_rank.build(SMOLLM2 / "changes.safetensors", settings.settings(settings.SMOLLM2), target)
    return f"{target}: use it with `base.preset: photographs-smollm2`"


if __name__ == "__main__":
    run(main)
