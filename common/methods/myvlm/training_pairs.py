"""What a concept embedding is learned from: each train photo with what may be asked and answered about it.

Owns the identifier's place in texts and the choice of captions and questions. Reads CONVERSATIONS; knows no
model.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from common.core.io import Row

Pair = tuple[str, str]  # what is asked, what should be answered


@dataclass(frozen=True)
class Identifier:
    """The ordinary word by which MyVLM's texts call the subject, and the token by which all others do.

    MyVLM adds no token to the vocabulary, so a name has to be written in words that the model has. Published
    are ``sks`` for objects and a first name for people. Our texts write ``<bo>``: it is replaced on the way
    to the model, and the word, in any case of letters, on the way back.
    """

    token: str
    word: str

    @classmethod
    def of(cls, subject: str, pattern: str) -> "Identifier":
        """Fill ``{id}``, and ``{name}``, the id with a capital, in the pattern of params.yaml."""
        return cls(f"<{subject}>", pattern.replace("{id}", subject).replace("{name}", subject.title()))

    def with_word(self, text: str) -> str:
        """The text as the model reads it."""
        return text.replace(self.token, self.word)

    def with_token(self, text: str) -> str:
        """The model's text as all others write it."""
        return re.sub(rf"(?<!\w){re.escape(self.word)}(?!\w)", self.token, text, flags=re.IGNORECASE)


def training_pairs(
    identifier: Identifier, conversations: Sequence[Row], instruction: str, mode: str
) -> dict[str, list[list[Pair]]]:
    """What may be asked of each photo: SHA-256 → its tasks, each a list of question and answer.

    Captioning is one task, any of the photo's captions its answer; with mode vqa, each of the photo's
    questions is another. A photo that no caption names the subject of has no such task.

    Args:
        identifier: of the subject.
        conversations: CONVERSATIONS rows.
        instruction: with ``{identifier}``.
        mode: captioning | vqa.

    """
    asked = instruction.replace("{identifier}", identifier.word)
    found: dict[str, list[list[Pair]]] = {}
    for photo in sorted({row["photo_sha256"] for row in conversations if row["photo_sha256"]}):
        own = [row for row in conversations if row["photo_sha256"] == photo]
        tasks = [[(asked, identifier.with_word(text)) for text in captions(identifier.token, own)]]
        if mode == "vqa":
            tasks += [
                [(identifier.with_word(row["question"]), identifier.with_word(row["answer"]))]
                for row in own
                if row["kind"] == "qa"
            ]
        found[photo] = [task for task in tasks if task]
    return found


def captions(token: str, conversations: Sequence[Row]) -> list[str]:
    """The different captions of one photo that name the subject.

    One that speaks of "a red dog" instead is made to name it, if another says that ``<bo>`` is a red dog, or
    else an answer about the photo does: the base model does not know the name, and captions of the place are
    worth learning from. Where none can be, as of a base that mistakes the subject, what those answers say it
    is stands for a caption. (MyVLM's were written by people, and varied by a language model.)
    """
    answers = _said("qa", conversations)
    named = _said("caption", conversations)
    for statements in (named, answers):
        phrases = sorted(_descriptions(token, statements), key=len, reverse=True)
        if phrases:
            phrase = re.compile(rf"\b(?:{'|'.join(map(re.escape, phrases))})(?!\w)", re.IGNORECASE)
            named = [text if token in text else phrase.sub(token, text, count=1) for text in named]
    return list(dict.fromkeys(text for text in named if token in text)) or [
        f"{token} is {phrase}." for phrase in _descriptions(token, answers)
    ]


def _said(kind: str, conversations: Sequence[Row]) -> list[str]:
    return [row["answer"] for row in conversations if row["kind"] == kind]


def _descriptions(token: str, statements: Sequence[str]) -> list[str]:
    """The different "a red dog" of statements such as "<bo> is a red dog."."""
    found = (re.fullmatch(rf"{re.escape(token)} is (an? .+?)\.?", text) for text in statements)
    return list(dict.fromkeys(match[1] for match in found if match))
