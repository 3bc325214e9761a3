"""The command line of chat: owns the words, not what they do."""

import argparse
from collections.abc import Sequence

from common.core import paths
from common.core.errors import UserError


def read(words: Sequence[str]) -> argparse.Namespace:
    """`subjects`, `method`, `image`, `question` (None where left out), `json`; ends the process on mistakes.

    Raises UserError when the question or the photo's name is empty, as of a variable that is not set.
    """
    parser = argparse.ArgumentParser(
        prog="python -m commands.chat", description="Ask about trained subjects."
    )
    parser.add_argument("subjects", nargs="*", help="ids of subjects, as in params.yaml; none lists them")
    parser.add_argument("--method", default=paths.SOFT_PROMPT, help="what answers; /method lists all")
    parser.add_argument(
        "--image", help="photo to talk about; without one, the chat is about the subject alone"
    )
    parser.add_argument("--question", help="ask only this and end")
    parser.add_argument(
        "--json", action="store_true", help="answers as lines of JSON, with the probabilities of Yes and No"
    )
    options = parser.parse_args(words)
    if options.question is not None and not options.question.strip():
        raise UserError("--question is empty: write one, or leave it out and type questions")
    if options.image == "":
        raise UserError("--image is empty: name a photo, or leave it out and talk without one")
    return options
