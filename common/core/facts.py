"""What people tell of a subject: what no photo shows, as its age or whose it is, and captions of photos.

    facts:
      - {question: How old is <bo>?, answer: <bo> is four years old.}
    captions:
      00.jpg: <bo> runs after a ball at the beach.

Owns the form of data/subjects/<id>/facts.yaml. Does not own what becomes of it (`stages.synthesize`,
`stages.assemble`).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import StringConstraints
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from common.core import io, settings
from common.core.errors import UserError
from common.core.names import about
from common.core.settings import Section

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
MAX_LETTERS = 2**20  # of a file


class Fact(Section):
    """A question and its answer."""

    question: Text
    answer: Text


class Facts(Section):
    """All that a file tells.

    Attributes:
        facts: questions that need no photo.
        captions: file name of a train photo → what it shows.

    """

    facts: tuple[Fact, ...] = ()
    captions: Mapping[str, Text] = {}


def read(path: Path, subject: str) -> Facts:
    """Read what is told of a subject, every spelling of its name as ``<id>``; nothing if there is no file.

    Raises UserError if the file is no such YAML, or a text names somebody else.
    """
    text = io.read_note(path)
    if text is None:
        return Facts()
    if len(text) > MAX_LETTERS:
        raise UserError(f"{path} has {len(text):,} letters, more than {MAX_LETTERS:,}: leave some out")
    try:
        values = YAML(typ="safe").load(text)
    except (YAMLError, RecursionError) as error:
        said = str(getattr(error, "problem", None) or "it is nested too deeply")
        raise UserError(f"{path} is not valid YAML ({said}): put texts in quotation marks") from None
    told = settings.checked(Facts, _as_tuples(values), path)
    try:
        return Facts(
            facts=tuple(
                Fact(question=about(subject, fact.question), answer=about(subject, fact.answer))
                for fact in told.facts
            ),
            captions={photo: about(subject, caption) for photo, caption in told.captions.items()},
        )
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def _as_tuples(values: object) -> object:
    """YAML's lists as the tuples that strict sections want."""
    if isinstance(values, dict):
        return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    return values
