"""What a user wants to see answered in the report: questions.yaml beside a subject's photos.

    questions:
      - {question: What would <bo> wear to a wedding?}
      - {question: Is <bo> asleep?, photo: 03.png}

`photo` is a test photo, or a file beside questions.yaml. There is no right answer, and no number comes of it.
"""

from pathlib import Path
from typing import NamedTuple

from common.core import facts, foreign, images, paths, settings, yaml_file
from common.core.errors import UserError, shown
from common.core.names import about
from common.core.settings import Section
from common.core.vocabulary import Source


class Entry(Section):
    """A question as it is written."""

    question: facts.Text
    photo: str | None = None


class QuestionFile(Section):
    """The whole file."""

    questions: tuple[Entry, ...] = ()


class OwnQuestion(NamedTuple):
    """A question, and the photo that it is about, by its name and its file; None where it is about none."""

    question: str
    photo: str | None
    path: Path | None


def load_own_questions(subject: str, source: Source) -> list[OwnQuestion]:
    """The questions about a subject, every spelling of its name as ``<id>``; none if there is no file.

    Raises UserError if the file has another form, or a question names somebody else or a photo that is not
    there or cannot be read.
    """
    path = paths.own_questions(subject, source)
    try:
        values = yaml_file.read(path)
    except FileNotFoundError:
        return []
    written = settings.checked(QuestionFile, facts.as_tuples(values), path)
    questions = []
    for entry in written.questions:
        with facts.named(path):
            photo = None if entry.photo is None else _photo(entry.photo, path.parent)
            questions.append(OwnQuestion(about(subject, entry.question), entry.photo, photo))
    return questions


def _photo(name: str, folder: Path) -> Path:
    """A test photo of this name, or else a picture beside the file; raises UserError for neither."""
    for place in (folder / "test", folder):
        path = foreign.inside(place, name)
        if path.is_file():
            images.load_image(path)
            return path
    raise UserError(
        f"{shown(name)} is neither in {folder / 'test'} nor in {folder}: put it there, or mend it"
    )
