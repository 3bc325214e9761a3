"""What people tell of a subject: what no photo shows, as its age or whose it is, and captions of photos.

    facts:
      - {question: How old is <bo>?, answer: <bo> is four years old.}
    captions:
      00.jpg: <bo> runs after a ball at the beach.
      01.jpg: [<bo> sleeps., A basket with <bo> in it.]

The file is data/subjects/<id>/facts.yaml; description.txt beside it is read here as well.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, StringConstraints

from common.core import settings, texts, yaml_file
from common.core.errors import UserError, shown
from common.core.names import about
from common.core.progress import UNKNOWN, plain
from common.core.settings import Section

LONGEST = 2000  # letters of a text


def _is_plain(text: str) -> str:
    if UNKNOWN in plain(text):
        raise ValueError("control characters are no text: take them out")
    return text


Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST),
    AfterValidator(_is_plain),
]


class Fact(Section):
    """A question and its answer."""

    question: Text
    answer: Text


def _as_several(value: object) -> object:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


class Facts(Section):
    """All that a file tells.

    Attributes:
        facts: questions that need no photo.
        captions: file name of a train photo → what it shows, in one sentence or several.

    """

    facts: tuple[Fact, ...] = ()
    captions: Mapping[str, Annotated[tuple[Text, ...], BeforeValidator(_as_several)]] = {}


def read(path: Path, subject: str) -> Facts:
    """Read what is told of a subject, every spelling of its name as ``<id>``; nothing if there is no file.

    Raises UserError if the file is no such YAML, or a text names somebody else.
    """
    try:
        values = yaml_file.read(path)
    except FileNotFoundError:
        return Facts()
    told = settings.checked(Facts, as_tuples(values), path)
    with named(path):
        return Facts(
            facts=tuple(
                Fact(question=about(subject, fact.question), answer=about(subject, fact.answer))
                for fact in told.facts
            ),
            captions={
                photo: tuple(about(subject, caption) for caption in captions)
                for photo, captions in told.captions.items()
            },
        )


def read_description(path: Path, subject: str) -> str | None:
    """What a human writes after "<id> is", every spelling of its name as ``<id>``; None if there is no file.

    Raises UserError if it is no text, an empty or a long one, or names somebody else.
    """
    try:
        text = texts.read(path, 4 * LONGEST).strip()  # UTF-8 has up to four bytes a letter
    except FileNotFoundError:
        return None
    if not text:
        raise UserError(f"{shown(path)} is empty: write something, or remove it")
    with named(path):
        try:
            return about(subject, _is_plain(text))
        except ValueError as error:
            raise UserError(str(error)) from None


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Put the file's name before what is wrong in it."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{shown(path)}: {error}") from None


def as_tuples(values: object) -> object:
    """YAML's lists as the tuples that strict sections want, and sections without anything as empty ones."""
    if not isinstance(values, dict):
        return values
    filled = {key: value for key, value in values.items() if value is not None}
    return {key: tuple(value) if isinstance(value, list) else value for key, value in filled.items()}
