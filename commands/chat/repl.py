"""Lines in, answers out: owns the loop at a terminal or a pipe, not the command line."""

import contextlib
import io
import json
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from os.path import exists
from typing import TYPE_CHECKING

from PIL import Image

from common.core import paths
from common.core.errors import UserError
from common.core.foreign import plain
from common.core.images import load_image

if TYPE_CHECKING:
    from common.assistant import Conversation
    from common.vlm import Answer

END = {"/quit", "/exit", "quit", "exit"}
HELP = """/image PHOTO   look at this photo from now on
/reset         look at no photo, and forget what was said
/subjects      who can be named
/method NAME   let another method answer; without a name, list them
/help          this
/quit          end; so does Ctrl-D. Ctrl-C stops an answer"""


def converse(talk: "Conversation", lines: Iterable[str], *, as_json: bool = False) -> int:
    """Print the answer to each line, or do what a command among them says; return how many were answered.

    A line that cannot be answered is explained in one sentence, and the talk goes on. With `as_json` an
    answer is a line of JSON with the probabilities of Yes and No as its first token.
    """
    answered = 0
    for line in lines:
        try:
            if line.startswith("/") or line == "help":
                print(obey(talk, line), flush=True)
                continue
            told = _hint(talk, line)
            answer = _write(talk.ask(line), silent=as_json)
        except UserError as error:
            print(f"error: {plain(str(error))}", file=sys.stderr, flush=True)
        except KeyboardInterrupt:
            print("stopped", file=sys.stderr, flush=True)
        else:
            answered += 1
            if told:
                print(told, file=sys.stderr, flush=True)
            if as_json:
                yes, no = answer.probabilities or (None, None)
                said = {"question": line, "answer": plain(answer.text), "yes": yes, "no": no}
                print(json.dumps(said, ensure_ascii=False), flush=True)
    return answered


def _hint(talk: "Conversation", question: str) -> str:
    from common.assistant import hint  # seconds, which a list of the subjects need not wait for

    forgotten = bool(talk.turns) and not talk.assistant.history
    return hint(question, photo=talk.image is not None, forgotten=forgotten)


def _write(answers: "Iterator[Answer]", *, silent: bool) -> "Answer":
    """Print an answer while it grows, if not silent; return the whole."""
    shown = ""
    try:
        for answer in answers:
            text = plain(answer.text)
            if not silent and text.startswith(shown):
                print(text[len(shown) :], end="", flush=True)
                shown = text
    finally:  # also where it is stopped
        if not silent:
            print(flush=True)
    return answer


def show(kinds: Mapping[str, str]) -> str:
    """Print every subject (id → kind) and what is to be done for it; return how many are trained."""
    trained = [name for name in kinds if paths.subject_model(name).exists()]
    for name, kind in kinds.items():
        state = "" if name in trained else f"not trained: dvc repro train@{name}"
        print(f"{name:20} {kind:10} {state}".rstrip())
    return f"{len(trained)} of {len(kinds)} trained; `python -m commands.chat ID` talks about one"


def obey(talk: "Conversation", line: str) -> str:
    """Do what a command says; return what to print."""
    command, _, rest = line.partition(" ")
    rest = rest.strip()
    if command == "/image" and rest:
        talk.look_at(photo(rest))
        return f"looking at {rest}"
    if command == "/reset":
        talk.look_at(None)
        talk.reset()
        return "looking at no photo"
    if command == "/subjects":
        return "\n".join(f"<{name}>" for name in talk.assistant.subjects)
    if command == "/method":
        if rest:
            talk.use(rest)
        return "\n".join(
            f"{'*' if name == talk.method else ' '} {name:20} {title}"
            for name, title in talk.assistant.titles.items()
        )
    if command in ("/help", "help"):
        return HELP
    raise UserError(f"{plain(line)} is no command: /help lists them")


def photo(path: str) -> Image.Image:
    """The photo of a file, named as it is or as a shell has it; UserError for what is none, or an address."""
    if "://" in path:
        raise UserError(f"{plain(path)} is an address: save the photo and name its file")
    words = [path]
    if not exists(path):  # noqa: PTH110  # false of what is no path, where pathlib raises
        with contextlib.suppress(ValueError):  # a quotation mark that is not closed
            words = shlex.split(path)  # as a file is written that is dragged into a terminal
    if len(words) > 1 and all(map(exists, words)):
        raise UserError(f"{plain(path)} are {len(words)} photos: name one, and the others in turn")
    return load_image(words[0] if len(words) == 1 else path)


def typed_lines(subjects: Sequence[str], history: int) -> Iterator[str]:
    """Give what is typed, or piped in, line by line until /quit or the end of the input.

    At a terminal, say before who can be named, and that questions stand alone if no turns stay in view.
    """
    sign = "> " if sys.stdin.isatty() else ""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")  # one bad byte must not end the talk
    if sign:
        with contextlib.suppress(ImportError):  # Windows has none; there the console edits lines itself
            import readline  # noqa: F401  # arrow keys and earlier lines
        names = ", ".join(f"<{subject}>" for subject in subjects)
        alone = "" if history else " Each question stands alone: this model sees no earlier ones."
        print(f"In questions, write {names}; /help lists what else can be done.{alone}")
    while True:
        try:
            line = input(sign).strip()
        except EOFError:
            if sign:
                print()
            return
        except KeyboardInterrupt:
            print()
            continue
        if line in END:
            return
        if line:
            yield line
