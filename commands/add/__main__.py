"""Add photos or a dataset: `python -m commands.add ID FOLDER --kind KIND`, or `… yollava | myvlm FOLDER`."""

from functools import partial
from typing import get_args

from commands.add import command, folder, myvlm, photographs, yollava
from common.core import crop, params, progress, subject_lines
from common.core.errors import run


def main(*words: str) -> str:
    """Read and judge the photos, then place them, then write params.yaml; return what was added."""
    options = command.read(words, get_args(params.Kind))
    if options.subject in command.PUBLISHED:
        if options.subject == command.YOLLAVA:
            found = yollava.read(options.folder, options.negatives)
        else:
            found = myvlm.read(options.folder, params.load().seed)
        kinds, change, left_out, cut = found.kinds, str, [], None
    else:
        kinds = {options.subject: command.entry(options)}
        change = partial(photographs.settle, others=options.others) if options.photographs else str
        _, before = subject_lines.proposal(kinds, params.load)  # a mistake is told before the photos are read
        _, p = subject_lines.proposal(kinds, params.load, change)
        left_out = [name for name in before.methods if name not in p.methods]
        found = folder.read(options.folder, options.subject, options.test, p.seed)
        cut = crop.warning(p.base.named, found.sizes)
    with subject_lines.written_last(kinds, params.load, change):
        found.place()
    if left_out:
        print(f"left out of params.yaml, with the drawn subjects: other methods ({', '.join(left_out)})")
    if cut:
        progress.say(f"warning: {cut}")
    print(found.say_next())
    return found.summary()


if __name__ == "__main__":
    run(main)
