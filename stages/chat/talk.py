"""Questions in, greedy answers out: owns the loop, not the command line."""

import sys
from collections.abc import Iterable, Iterator

from PIL import Image

from stages import vlm
from stages.core.errors import UserError

MAX_NEW_TOKENS = 128  # a long sentence or two; answers end by themselves


def talk(base: vlm.Base, prompt: vlm.SoftPrompt, image: Image.Image | None, questions: Iterable[str]) -> int:
    """Print the answer to each question; return how many were answered.

    A question that cannot be asked is explained in one sentence, and the talk goes on.
    """
    prefixes = vlm.encode_prefixes(base, [image] if image else [])
    answered = 0
    for question in questions:
        query = vlm.Query(question, 0 if image else None, prompt)
        try:
            answer = vlm.answer(base, [query], prefixes, max_new_tokens=MAX_NEW_TOKENS, batch_size=1)[0]
        except UserError as error:
            print(f"error: {error}", file=sys.stderr, flush=True)
            continue
        print(answer.text, flush=True)
        answered += 1
    return answered


def typed(token: str) -> Iterator[str]:
    """Give what is typed, or piped in, line by line until /quit or the end of the input."""
    cue = "> " if sys.stdin.isatty() else ""
    if cue:
        print(f"Write {token} for the subject, /quit to end.")
    while True:
        try:
            line = input(cue).strip()
        except EOFError:
            return
        if line == "/quit":
            return
        if line:
            yield line
