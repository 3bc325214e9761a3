"""Ask about a trained subject: `python -m commands.chat <id> [--image photo.jpg] [--question "…"]`."""

import argparse
import sys

from common.core import params, paths, seed
from common.core.errors import run
from common.core.images import load_image


def main(*words: str) -> str:
    """Answer one question, or questions until /quit; return how many there were."""
    parser = argparse.ArgumentParser(
        prog="python -m commands.chat", description="Ask about a trained subject."
    )
    parser.add_argument("subject", help="id of the subject, as in params.yaml")
    parser.add_argument(
        "--image", help="photo to talk about; without one, the chat is about the subject alone"
    )
    parser.add_argument("--question", help="ask only this and end")
    options = parser.parse_args(words)
    p = params.load()
    p.subject(options.subject)
    image = load_image(options.image) if options.image else None

    from commands.chat.repl import answer_all, typed_questions
    from common import vlm  # seconds, which a missing photo need not wait for

    seed.seed_everything(p.seed, p.threads)
    base = vlm.load(**p.base.load_kwargs)
    prompt = vlm.SoftPrompt.load(paths.subject_model(options.subject), base)
    asked = [options.question] if options.question else typed_questions(prompt.token)
    answered = answer_all(base, prompt, image, asked)
    if options.question and not answered:
        sys.exit(1)  # talk has said why
    return f"{answered} answered"


if __name__ == "__main__":
    run(main)
