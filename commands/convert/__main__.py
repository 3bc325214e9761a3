"""Exchange with other systems: `python -m commands.convert <format> <id | all> <path> [--read]`."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from commands.convert import formats, several
from commands.convert.job import Job
from common.core import params, paths, seed
from common.core.errors import run

if TYPE_CHECKING:
    from common import vlm
    from common.clip import Clip


def main(*words: str) -> str:
    """Write one subject in a foreign format, or read it, or all of them; return what was made."""
    options = formats.parser().parse_args(words)
    p = params.load()
    chosen = {options.subject: Path(options.path)}
    if options.subject == several.ALL and several.ALL not in p.subjects:
        chosen = several.paths_of(p.subjects, options.path, read=options.read)

    def load_base() -> "vlm.Base":
        from common import vlm  # seconds, which formats without a model need not wait for

        seed.seed_everything(p.seed, p.threads)
        return vlm.load(**p.base.load_kwargs)

    def load_clip() -> "Clip":
        from common.clip import Clip

        return Clip(p.base.clip.model, p.base.clip.revision, p.base.device.type)

    # what is written may use the model up, as in huggingface
    base, clip = (cache(load) if options.read else load for load in (load_base, load_clip))
    done = []
    for name, path in chosen.items():
        subject = p.subject(name)
        photos = paths.train_photos(name, subject.source)
        job = Job(name, subject.kind, photos, path, p.base.vlm.system, base, clip, p.methods)
        done.append(formats.convert(options.format, job, read=options.read))
    return done[0] if options.subject in chosen else several.told(dict(zip(chosen, done, strict=True)))


if __name__ == "__main__":
    run(main)
