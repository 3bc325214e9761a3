"""Ask about trained subjects: `python -m commands.chat <id> [--image photo.jpg] [--question "…"]`."""

import sys

from commands.chat import command, repl
from common.core import params, paths, seed
from common.core.errors import run


def main(*words: str) -> str:
    """Answer one question, or questions until /quit; return how many there were. Without an id, list all."""
    options = command.read(words)
    p = params.load()
    if options.subject is None:
        return repl.show({name: subject.kind for name, subject in p.subjects.items()})
    p.subject(options.subject)
    image = repl.photo(options.image) if options.image else None

    from commands.chat.session import Session
    from common import vlm  # seconds, which a missing photo need not wait for

    seed.seed_everything(p.seed, p.threads)
    base = vlm.load(**p.base.load_kwargs)
    session = Session(
        base,
        lambda name: vlm.SoftPrompt.load(paths.subject_model(name), base.fingerprint),
        options.subject,
        list(p.subjects),
        image,
    )
    lines = [options.question] if options.question else repl.typed_lines(f"<{options.subject}>")
    answered = repl.converse(session, lines, as_json=options.json)
    if options.question and not answered:
        sys.exit(1)  # converse has said why
    return f"{answered} answered"


if __name__ == "__main__":
    run(main)
