"""Questions in, greedy answers out: owns the loop, not the command line."""

import io
import sys
from collections.abc import Iterable, Iterator

from PIL import Image

from common import vlm
from common.core.errors import UserError
from common.core.foreign import UNKNOWN, plain
from common.core.names import refuse_others

MAX_NEW_TOKENS = 128  # a long sentence or two; answers end by themselves


def answer_all(
    base: vlm.Base, prompt: vlm.SoftPrompt, image: Image.Image | None, questions: Iterable[str]
) -> int:
    """Print the answer to each question; return how many were answered.

    A question that cannot be asked is explained in one sentence, and the talk goes on.
    """
    prefixes = vlm.encode_prefixes(base, [image] if image else [])
    answered = 0
    for question in questions:
        try:
            print(plain(ask(base, prompt, prefixes, question)), flush=True)
        except UserError as error:
            print(f"error: {plain(str(error))}", file=sys.stderr, flush=True)
        else:
            answered += 1
    return answered


def ask(base: vlm.Base, prompt: vlm.SoftPrompt, prefixes: vlm.PrefixCache, question: str) -> str:
    """Answer one question about the photo in `prefixes`, or without one if there is none.

    Raises UserError if the question is not UTF-8, names somebody who is not loaded, or holds a special token.
    """
    if UNKNOWN in plain(question):
        raise UserError(f"the question {plain(question)!r} is not plain UTF-8 text: type it again")
    refuse_others(prompt.subject, question)
    query = vlm.Query(question, 0 if len(prefixes) else None, prompt)
    return vlm.answer(base, [query], prefixes, max_new_tokens=MAX_NEW_TOKENS, batch_size=1)[0].text


def typed_questions(token: str) -> Iterator[str]:
    """Give what is typed, or piped in, line by line until /quit or the end of the input."""
    prompt_sign = "> " if sys.stdin.isatty() else ""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")  # one bad byte must not end the talk
    if prompt_sign:
        print(f"Write {token} for the subject, /quit to end.")
    while True:
        try:
            line = input(prompt_sign).strip()
        except EOFError:
            return
        if line == "/quit":
            return
        if line:
            yield line
