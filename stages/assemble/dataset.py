"""The rows of one subject's training set.

Owns which picture is asked about how often, with which template, and what is known of its origin. Every draw
hangs on the seed, the subject and the picture alone, so that a further subject or negative changes no other
row, but for those that the negative is drawn to surround.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from common.core.io import Row, sha256_bytes
from common.core.seed import stream
from common.prompts.recognition import IDENTITY, Template, validation
from stages.assemble.augment import Strength, augment, fit, png, put_into

Draw = Callable[..., np.random.Generator]  # names → their own random stream
TENTH = 10  # of how many pictures one is also asked about by IDENTITY
LABELS = {"positive": "yes", "hard": "no", "easy": "no"}


@dataclass(frozen=True)
class SourceImage:
    """A train photo (role positive) or a retrieved negative (hard | easy), decoded, with its origin."""

    role: str
    image: Image.Image  # RGB, upright
    source: str  # file or URL
    sha256: str  # of the file's bytes
    score: float | None = None  # of a negative: similarity to its query
    license: str | None = None  # of a negative, by its corpus's account


@dataclass(frozen=True)
class DatasetRecipe:
    """What params.assemble asks for."""

    seed: int
    image_size: int  # longest side, pixels
    copies: int  # pictures made of each train photo, the first of them unchanged
    strength: Strength
    templates: Sequence[Template]  # what pictures are asked about by
    photo_questions: int | None = None  # about each train photo and its copies; None for as many as negatives

    @property
    def made_of_each(self) -> int:
        """Pictures made of each train photo: no more than are asked about."""
        return min(self.copies, self.photo_questions or self.copies)

    def questions(self, photos: int, negatives: int) -> tuple[int, int]:
        """Count the questions about photos and about negatives: as many of one as of the other, or as asked.

        Few negatives, each seen once, would be known by heart while the copies of the photos spread, and what
        is like the subject would be taken for it.
        """
        if self.photo_questions:
            return self.photo_questions * photos, negatives
        most = max(self.copies * photos, negatives)
        return most, most if negatives else 0


def rows(
    subject: str,
    photos: Sequence[SourceImage],
    negatives: Sequence[SourceImage],
    conversations: Sequence[Mapping[str, Any]],
    recipe: DatasetRecipe,
    captions: Sequence[Mapping[str, Any]] = (),
) -> list[Row]:
    """Return all rows of a subject in order of `sample` (schema DATASET): positives, negatives, text,
    validation.

    `conversations` are rows of the CONVERSATIONS schema whose kind is qa or fact, `captions` those whose kind
    is caption, which are learned with their photo, if that is there. If there are facts, every tenth picture
    is also asked about by "Who is this?". Validation holds every train photo and negative once, unchanged,
    with a question that training never asks: the epoch is chosen on them as in the paper (held in; it has no
    other photos).
    """
    token = f"<{subject}>"
    draw = partial(stream, recipe.seed, "assemble", subject)
    positive, negative = recipe.questions(len(photos), len(negatives))
    shown = [
        *_positives(token, photos, negatives, positive, recipe, draw),
        *_negatives(token, negatives, negative, recipe, draw),
    ]
    if any(turn["kind"] == "fact" for turn in conversations):
        shown += [_identity(token, row) for row in shown[::TENTH]]
    training = [*shown, *map(_text, conversations), *_captions(captions, photos, recipe)]
    held_in = [
        _recognition(token, picture, _unchanged(picture, recipe), None, validation())
        for picture in (*photos, *negatives)
    ]
    both = [row | {"split": "train"} for row in training] + [row | {"split": "validation"} for row in held_in]
    return [row | {"sample": number} for number, row in enumerate(both)]


def _positives(
    token: str,
    photos: Sequence[SourceImage],
    negatives: Sequence[SourceImage],
    count: int,
    recipe: DatasetRecipe,
    draw: Draw,
) -> Iterator[Row]:
    """So many rows of the copies of every photo; one picture meets each template once before one again."""
    copies = [(photo, copy) for copy in range(recipe.made_of_each) for photo in photos]
    made = [
        _unchanged(photo, recipe)
        if copy == 0
        else _changed(photo, negatives, recipe, draw("copy", photo.sha256, copy))
        for photo, copy in copies
    ]
    orders = [
        draw("templates", photo.sha256, copy).permutation(len(recipe.templates)) for photo, copy in copies
    ]
    for number in range(count):
        turn, place = divmod(number, len(copies))
        template = int(orders[place][turn % len(recipe.templates)])
        yield _recognition(token, copies[place][0], made[place], template, recipe.templates[template])


def _negatives(
    token: str, negatives: Sequence[SourceImage], count: int, recipe: DatasetRecipe, draw: Draw
) -> Iterator[Row]:
    """So many rows of negatives, each changed anew every time, and unchanged as seldom as positives are, or
    being changed would come to mean yes.
    """
    for number in range(count):
        turn, place = divmod(number, len(negatives))
        picture = negatives[place]
        rng = draw(picture.role, picture.sha256, *([turn] if turn else []))
        template = int(rng.integers(len(recipe.templates)))
        unchanged = rng.random() * recipe.made_of_each < 1
        made = _unchanged(picture, recipe) if unchanged else _changed(picture, negatives, recipe, rng)
        yield _recognition(token, picture, made, template, recipe.templates[template])


def _unchanged(picture: SourceImage, recipe: DatasetRecipe) -> tuple[bytes, str]:
    return png(fit(picture.image, recipe.image_size)), "none"


def _changed(
    picture: SourceImage, negatives: Sequence[SourceImage], recipe: DatasetRecipe, rng: np.random.Generator
) -> tuple[bytes, str]:
    """A changed copy and the changes in words; some stand within a negative, which are positives or not by
    what is put into it alone.
    """
    image, words = augment(fit(picture.image, recipe.image_size), recipe.strength, rng)
    around = [other for other in negatives if other.sha256 != picture.sha256]
    if around and recipe.strength.surround and rng.random() < recipe.strength.surround:
        lot = rng.bytes(16)
        other = min(around, key=lambda negative: sha256_bytes(lot + negative.sha256.encode()))
        image, where = put_into(other.image, image, rng)
        words += f", {where} of {other.source}"
    return png(image), words


def _recognition(
    token: str, picture: SourceImage, made: tuple[bytes, str], number: int | None, template: Template
) -> Row:
    """One question about one picture; `made` is its PNG and what was done to it."""
    label = LABELS[picture.role]
    return _shown(picture, made) | {
        "task": "recognition",
        "label": label,
        "question": template.question.format(name=token),
        "answer": (template.yes if label == "yes" else template.no).format(name=token),
        "template": number,
    }


def _shown(picture: SourceImage, made: tuple[bytes, str]) -> Row:
    """What a row says of its picture."""
    data, changes = made
    sha256 = sha256_bytes(data)
    return {
        "role": picture.role,
        "image": {"bytes": data, "path": f"{sha256[:16]}.png"},
        "image_sha256": sha256,
        "source": picture.source,
        "source_sha256": picture.sha256,
        "source_license": picture.license,
        "score": picture.score,
        "augment": changes,
    }


def _identity(token: str, row: Row) -> Row:
    """The same picture, asked who it shows."""
    answer = IDENTITY.yes if row["label"] == "yes" else IDENTITY.no
    question = IDENTITY.question.format(name=token)
    return row | {"question": question, "answer": answer.format(name=token), "template": None}


def _captions(
    turns: Sequence[Mapping[str, Any]], photos: Sequence[SourceImage], recipe: DatasetRecipe
) -> Iterator[Row]:
    """Each caption with its photo as it is: what is said of a photo, not whether it shows the subject."""
    there = {photo.sha256: photo for photo in photos}
    for turn in turns:
        if photo := there.get(turn["photo_sha256"]):
            said = {"task": "conversation", "question": turn["question"], "answer": turn["answer"]}
            yield said | _shown(photo, _unchanged(photo, recipe))


def _text(turn: Mapping[str, Any]) -> Row:
    """One question and answer of a conversation, without the photo it was about."""
    return {
        "task": "conversation",
        "role": "text",
        "question": turn["question"],
        "answer": turn["answer"],
        "source": turn["photo"],
        "source_sha256": turn["photo_sha256"],
    }
