"""Ask about trained subjects: `python -m commands.chat <id> [--image photo.jpg] [--question "…"]`."""

import sys

from commands.chat import command, repl
from common.core import params
from common.core.errors import run


def main(*words: str) -> str:
    """Answer one question, or questions until /quit; return how many there were. Without an id, list all."""
    options = command.read(words)
    p = params.load()
    if not options.subjects:
        return repl.show({name: subject.kind for name, subject in p.subjects.items()})
    for subject in options.subjects:
        p.subject(subject)
    image = repl.photo(options.image) if options.image else None

    from common.assistant import Assistant, Conversation  # seconds, which a missing photo need not wait for

    talk = Conversation(Assistant.of(p), options.subjects, options.method, image)
    lines = [options.question] if options.question else repl.typed_lines(options.subjects, p.chat.history)
    answered = repl.converse(talk, lines, as_json=options.json)
    if options.question and not answered:
        sys.exit(1)  # converse has said why
    return f"{answered} answered"


if __name__ == "__main__":
    run(main)
