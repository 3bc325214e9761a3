"""What people tell of a subject, as rows beside what the model says: a description, facts, captions.

Does not own the forms of their files (`common.core.facts`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from common.core import facts, paths
from common.core.io import Row
from common.prompts.interview import CAPTION
from stages.synthesize.descriptions import human_description, with_article


@dataclass(frozen=True)
class TrainPhoto:
    """A train photo: file name, SHA-256 of the file, and the decoded RGB image."""

    name: str
    sha256: str
    image: Image.Image


@dataclass(frozen=True)
class Told:
    """What is told of one subject.

    Attributes:
        described: what description.txt says, or None.
        known: what facts.yaml says, behind the noun; empty if nothing does.
        noun: what the subject is, as params.yaml declares it, or None.

    """

    described: str | None
    known: facts.Facts
    noun: str | None = None

    @classmethod
    def read(cls, subject: str, source: str, noun: str | None, asked: str) -> "Told":
        """Read both files; a declared noun answers `asked`, the question for it.

        Raises UserError for a file that cannot be read.
        """
        note = facts.read_description(paths.description(subject, source), subject)
        known = facts.read(paths.facts(subject, source), subject)
        if noun:
            token = f"<{subject}>"
            fact = facts.Fact(question=asked.format(name=token), answer=f"{token} is {with_article(noun)}.")
            known = facts.Facts(facts=(fact, *known.facts), captions=known.captions)
        return cls(note, known, noun)

    def description(self, token: str) -> str | None:
        """The description with all facts behind it, None if nothing is told."""
        described = [human_description(token, self.described)] if self.described else []
        return " ".join([*described, *(fact.answer for fact in self.known.facts)]) or None

    def rows(self, token: str, photos: Sequence[TrainPhoto]) -> list[Row]:
        """Captions of these photos, and each fact as often as a question is asked of photos."""
        asked, captions = CAPTION.format(name=token), self.known.captions
        return [
            *(
                _row("caption", asked, caption, turn, photo.name, photo.sha256)
                for photo in photos
                for turn, caption in enumerate(captions.get(photo.name, ()))
            ),
            *(
                _row("fact", fact.question, fact.answer, turn)
                for turn, fact in enumerate(self.known.facts * len(photos))
            ),
        ]


def _row(
    kind: str, question: str, answer: str, turn: int, photo: str | None = None, sha256: str | None = None
) -> Row:
    return {
        "kind": kind,
        "photo": photo,
        "photo_sha256": sha256,
        "question": question,
        "answer": answer,
        "turn": turn,
    }
