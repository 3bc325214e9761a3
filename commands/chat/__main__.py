"""Ask about trained subjects: `python -m commands.chat <id> [--image photo.jpg] [--question "…"]`."""

import argparse
import sys

from common.core import params, paths, seed
from common.core.errors import UserError, run


def main(*words: str) -> str:
    """Answer one question, or questions until /quit; return how many there were. Without an id, list all."""
    parser = argparse.ArgumentParser(
        prog="python -m commands.chat", description="Ask about trained subjects."
    )
    parser.add_argument(
        "subject", nargs="?", help="id of a subject, as in params.yaml; without one, all are listed"
    )
    parser.add_argument(
        "--image", help="photo to talk about; without one, the chat is about the subject alone"
    )
    parser.add_argument("--question", help="ask only this and end")
    parser.add_argument(
        "--json", action="store_true", help="answers as lines of JSON, with the probabilities of Yes and No"
    )
    options = parser.parse_args(words)
    p = params.load()
    if options.subject is None:
        return _list(p.subjects)
    p.subject(options.subject)
    if options.question is not None and not options.question.strip():
        raise UserError("--question is empty: write one, or leave it out and type questions")

    from commands.chat.repl import converse, photo, typed_lines

    image = photo(options.image) if options.image else None

    from commands.chat.session import Session
    from common import vlm  # seconds, which a missing photo need not wait for

    seed.seed_everything(p.seed, p.threads)
    base = vlm.load(**p.base.load_kwargs)
    session = Session(
        base,
        lambda name: vlm.SoftPrompt.load(paths.subject_model(name), base),
        options.subject,
        list(p.subjects),
        image,
    )
    lines = [options.question] if options.question else typed_lines(f"<{options.subject}>")
    answered = converse(session, lines, as_json=options.json)
    if options.question and not answered:
        sys.exit(1)  # converse has said why
    return f"{answered} answered"


def _list(subjects: "dict[str, params.SubjectParams]") -> str:
    """Print every subject with what it is; return how many are trained."""
    trained = [name for name in subjects if paths.subject_model(name).exists()]
    for name, subject in subjects.items():
        state = "" if name in trained else f"not trained: dvc repro train@{name}"
        print(f"{name:20} {subject.kind:10} {state}".rstrip())
    return f"{len(trained)} of {len(subjects)} trained; `python -m commands.chat ID` talks about one"


if __name__ == "__main__":
    run(main)
