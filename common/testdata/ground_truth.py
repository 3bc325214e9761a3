"""What a subject is tested with besides its test photos: questions.json and look-alikes, in its truth folder.

    questions.json                  {"visual": [question, …], "text": [question, …]}
    captions.json                   {test photo: [caption, …]}, what people wrote, for the benchmarks
    lookalikes/{marking,one,two}/     photos of others that differ in a marking, in one or two attributes

All are optional. Of several subjects at once there are photos in a folder of their own, beside

    two_subjects.json                   [{"image": …, "left": id, "right": id, "absent": [id, …]}, …]

The folder is `paths.truth_dir`. Read by evaluate, and by check for the user's own subjects, so that a mistake
shows before anything is deleted.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from common.core import facts, foreign, images, myvlm_json, names, paths
from common.core.errors import UserError
from common.core.progress import UNKNOWN, plain
from common.core.vocabulary import Source

LOOKALIKES = {
    "lookalike-marking": "marking",
    "lookalike-one": "one",
    "lookalike-two": "two",
}  # group → folder
ENTRY = 'an entry holds "question", two "options", "answer" (0 or 1) and, if visual, "image"'
TWO_SUBJECTS_ENTRY = 'an entry holds "image", "left" and "right", and may hold a list "absent"'
Text = Annotated[str, Field(min_length=1)]


class ChoiceQuestion(BaseModel):
    """A two-choice question; `image` names a test photo for visual questions."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    question: Text
    options: tuple[Text, Text]
    answer: Literal[0, 1]
    image: str | None = None

    @model_validator(mode="after")
    def _a_choice(self) -> "ChoiceQuestion":
        if self.options[0] == self.options[1]:
            raise ValueError("both options are the same")
        if UNKNOWN in plain("".join([self.question, *self.options])):
            raise ValueError("it is not UTF-8: save the file as UTF-8")
        return self


class Questions(BaseModel):
    """A subject's questions.json."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    visual: list[ChoiceQuestion] = []
    text: list[ChoiceQuestion] = []


class TwoSubjectPhoto(BaseModel):
    """A photo with two subjects: who stands left and right, and who else is asked about."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    image: Text
    left: Text
    right: Text
    absent: list[Text] = []

    @property
    def shown(self) -> tuple[str, str]:
        """Who is in the photo."""
        return self.left, self.right

    @model_validator(mode="after")
    def _different(self) -> "TwoSubjectPhoto":
        named = [*self.shown, *self.absent]
        if len(set(named)) < len(named):
            raise ValueError("a subject is named twice")
        return self


def load_two_subjects(folder: Path) -> list[TwoSubjectPhoto]:
    """What `folder`/two_subjects.json says of the photos beside it.

    Raises UserError if the file is missing or malformed, or a photo is missing or lies elsewhere.
    """
    path = Path(folder) / "two_subjects.json"
    rows = foreign.read(path, list[TwoSubjectPhoto], TWO_SUBJECTS_ENTRY)
    for row in rows:
        if not foreign.inside(path.parent, row.image).exists():
            raise UserError(f"{path}: {row.image} is not in {folder}: put it there, or remove its entry")
    return rows


def load_questions(subject: str, source: Source) -> Questions:
    """The subject's questions; none if it has no questions.json.

    Raises UserError if the file is malformed or asks about a photo that is not among the test photos.
    """
    path = paths.truth_dir(subject, source) / "questions.json"
    if not path.exists():
        return Questions()
    questions = foreign.read(path, Questions, ENTRY)
    folder = paths.test_photos(subject, source)
    there = {photo.name for photo in images.list_photos(folder)} if questions.visual else set()
    for question in questions.visual:
        if question.image not in there:
            raise UserError(
                f'{path}: "{question.question}" is about {question.image}, which is not in {folder}: '
                "name one of its photos"
            )
    return questions


def load_captions(subject: str, source: Source) -> dict[str, list[str]]:
    """What people wrote of test photos, by file name, with the subject as ``<id>``; none without the file.

    Raises UserError if it is malformed or a caption names somebody else.
    """
    folder = paths.truth_dir(subject, source)
    captions = myvlm_json.read(folder, myvlm_json.CAPTIONS) or {}
    with facts.named(folder / myvlm_json.CAPTIONS):
        return {photo: [names.about(subject, text) for text in texts] for photo, texts in captions.items()}


def lookalike_folders(subject: str, source: Source) -> dict[str, Path]:
    """The folders of the subject's look-alikes that exist, by group (a key of LOOKALIKES)."""
    lookalikes = paths.truth_dir(subject, source) / "lookalikes"
    return {group: lookalikes / name for group, name in LOOKALIKES.items() if (lookalikes / name).is_dir()}
