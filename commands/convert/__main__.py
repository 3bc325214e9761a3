"""Exchange with other systems: `python -m commands.convert <format> <id | all> <path> [--read]`."""

from pathlib import Path

from commands.convert import formats, several
from commands.convert.job import Job, loaders
from common.core import params, paths
from common.core.errors import run


def main(*words: str) -> str:
    """Write one subject in a foreign format, or read it, or all of them; return what was made."""
    options = formats.parser().parse_args(words)
    p = params.load()
    chosen = {options.subject: Path(options.path)}
    if options.subject == several.ALL and several.ALL not in p.subjects:
        chosen = several.paths_of(p.subjects, options.path, read=options.read)

    # what is written may use the model up, as in huggingface
    base, clip = loaders(p.base.load_kwargs, p.base.clip, p.seed, p.threads, once=options.read)
    done = []
    for name, path in chosen.items():
        subject = p.subject(name)
        photos = paths.train_photos(name, subject.source)
        job = Job(name, subject.kind, photos, path, p.base.vlm.system, base, clip, p.methods)
        done.append(formats.convert(options.format, job, read=options.read))
    return done[0] if options.subject in chosen else several.told(dict(zip(chosen, done, strict=True)))


if __name__ == "__main__":
    run(main)
