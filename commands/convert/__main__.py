"""Exchange with other systems: `python -m commands.convert <format> <id> <path> [--read]`."""

from pathlib import Path
from typing import TYPE_CHECKING

from commands.convert import formats
from commands.convert.job import Job
from common.core import params, paths, seed
from common.core.errors import run

if TYPE_CHECKING:
    from common import vlm
    from common.clip import Clip


def main(*words: str) -> str:
    """Write one subject in a foreign format, or read it; return what was made."""
    options = formats.parser().parse_args(words)
    p = params.load()
    subject = p.subject(options.subject)

    def load_base() -> "vlm.Base":
        from common import vlm  # seconds, which formats without a model need not wait for

        seed.seed_everything(p.seed, p.threads)
        return vlm.load(**p.base.load_kwargs)

    def load_clip() -> "Clip":
        from common.clip import Clip

        return Clip(p.base.clip.model, p.base.clip.revision, p.base.device.type)

    photos = paths.train_photos(options.subject, subject.source)
    of = options.subject, subject.kind, photos, Path(options.path), p.base.vlm.system
    job = Job(*of, load_base, load_clip, p.methods)
    return formats.convert(options.format, job, read=options.read)


if __name__ == "__main__":
    run(main)
