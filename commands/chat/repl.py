"""Lines in, answers out: owns the loop at a terminal or a pipe, not the command line."""

import contextlib
import io
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from PIL import Image

from common.core import paths
from common.core.errors import UserError
from common.core.foreign import plain
from common.core.images import load_image

if TYPE_CHECKING:
    from commands.chat.session import Session

END = {"/quit", "/exit", "quit", "exit"}
HELP = """/image PHOTO   look at this photo from now on
/reset         look at no photo
/subjects      who can be named
/help          this
/quit          end; so does Ctrl-D. Ctrl-C stops an answer"""


def converse(session: "Session", lines: Iterable[str], *, as_json: bool = False) -> int:
    """Print the answer to each line, or do what a command among them says; return how many were answered.

    A line that cannot be answered is explained in one sentence, and the talk goes on. With `as_json` an
    answer is a line of JSON with the probabilities of Yes and No as its first token.
    """
    answered = 0
    for line in lines:
        try:
            if line.startswith("/") or line == "help":
                print(obey(session, line), flush=True)
                continue
            answer = session.ask(line)
        except UserError as error:
            print(f"error: {plain(str(error))}", file=sys.stderr, flush=True)
        except KeyboardInterrupt:
            print("stopped", file=sys.stderr, flush=True)
        else:
            answered += 1
            yes, no = answer.probabilities
            told = {"question": line, "answer": plain(answer.text), "yes": round(yes, 6), "no": round(no, 6)}
            print(json.dumps(told, ensure_ascii=False) if as_json else told["answer"], flush=True)
    return answered


def show(kinds: Mapping[str, str]) -> str:
    """Print every subject (id → kind) and what is to be done for it; return how many are trained."""
    trained = [name for name in kinds if paths.subject_model(name).exists()]
    for name, kind in kinds.items():
        state = "" if name in trained else f"not trained: dvc repro train@{name}"
        print(f"{name:20} {kind:10} {state}".rstrip())
    return f"{len(trained)} of {len(kinds)} trained; `python -m commands.chat ID` talks about one"


def obey(session: "Session", line: str) -> str:
    """Do what a command says; return what to print."""
    command, _, rest = line.partition(" ")
    if command == "/image" and rest.strip():
        session.look_at(photo(rest.strip()))
        return f"looking at {rest.strip()}"
    if command == "/reset":
        session.look_at(None)
        return "looking at no photo"
    if command == "/subjects":
        return "\n".join(f"<{name}>" for name in session.subjects)
    if command in ("/help", "help"):
        return HELP
    raise UserError(f"{plain(line)} is no command: /help lists them")


def photo(path: str) -> Image.Image:
    """The photo of a file; UserError for what is none, and for an address."""
    if "://" in path:
        raise UserError(f"{plain(path)} is an address: save the photo and name its file")
    return load_image(path)


def typed_lines(token: str) -> Iterator[str]:
    """Give what is typed, or piped in, line by line until /quit or the end of the input."""
    sign = "> " if sys.stdin.isatty() else ""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")  # one bad byte must not end the talk
    if sign:
        with contextlib.suppress(ImportError):  # Windows has none; there the console edits lines itself
            import readline  # noqa: F401  # arrow keys and earlier lines
        print(f"Write {token} for the subject; /help lists what else can be done.")
    while True:
        try:
            line = input(sign).strip()
        except EOFError:
            return
        except KeyboardInterrupt:
            print()
            continue
        if line in END:
            return
        if line:
            yield line
