"""The photos and questions of the test, and the proof that training saw none of them.

Reads `test/` of every subject and, where it exists, the subject's truth folder: siblings (other individuals
that look like the subject) and questions. No other stage opens a truth folder.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from stages.core import images, paths
from stages.core.errors import UserError

SIBLINGS = {"sibling-marking": "marking", "sibling-one": "one", "sibling-two": "two"}  # group → folder
ENTRY = 'an entry holds "question", two "options", "answer" (0 or 1) and, if visual, "image"'


class Photo(NamedTuple):
    """One photo of the test: whose it is (for siblings, whose sibling), and what it shows."""

    owner: str
    group: str  # "test" or a key of SIBLINGS
    path: Path
    sha256: str

    def asked_about(self, subject: str) -> bool:
        """Is this photo in the subject's test? All test photos are; siblings only in their own subject's."""
        return self.group == "test" or self.owner == subject

    def shows(self, subject: str) -> bool:
        """The truth."""
        return self.group == "test" and self.owner == subject


class Question(BaseModel):
    """A two-choice question; `image` names a test photo for visual questions."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    question: str
    options: tuple[str, str]
    answer: Literal[0, 1]
    image: str | None = None


class Questions(BaseModel):
    """A subject's questions.json."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    visual: list[Question] = []
    text: list[Question] = []


def gallery(sources: Mapping[str, str]) -> list[Photo]:
    """All photos of the test, by owner, group and name; `sources` maps subject ids to "world" or "own"."""
    photos = []
    for owner, source in sorted(sources.items()):
        folders = {"test": paths.test_photos(owner, source)}
        siblings = paths.truth_dir(owner, source) / "siblings"
        folders |= {group: siblings / name for group, name in SIBLINGS.items() if (siblings / name).is_dir()}
        for group, folder in folders.items():
            if folder.is_dir():
                photos += [
                    Photo(owner, group, path, images.photo_row(path)["sha256"])
                    for path in images.list_photos(folder)
                ]
    return photos


def refuse_leaks(photos: Iterable[Photo], subject: str, trained_on: set[str]) -> None:
    """Raise UserError if a photo of the subject's test was among the images (SHA-256) it was trained on."""
    for photo in photos:
        if photo.asked_about(subject) and photo.sha256 in trained_on:
            raise UserError(
                f"{photo.path} was used to train {subject}, so it cannot test it: remove it from the test "
                "photos, or from the train photos or the corpus, and run `dvc repro`"
            )


def load_questions(subject: str, source: str) -> Questions:
    """The subject's questions; none if it has no questions.json. Raises UserError if it is malformed."""
    path = paths.truth_dir(subject, source) / "questions.json"
    if not path.exists():
        return Questions()
    try:
        questions = TypeAdapter(Questions).validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UserError(f"{path}, {where or 'whole file'}: {first['msg']}; {ENTRY}") from error
    folder = paths.test_photos(subject, source)
    names = {photo.name for photo in images.list_photos(folder)} if questions.visual else set()
    for question in questions.visual:
        if question.image not in names:
            raise UserError(
                f'{path}: "{question.question}" is about {question.image}, which is not in {folder}'
            )
    return questions
