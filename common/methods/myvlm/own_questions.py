"""MyVLM's own questions about train photos, answered by the frozen base in terms of the subject's category.

Owns how the name gets into what the base says of "the dog". Does not own the questions (`prompts.myvlm`).
"""

import re
from collections.abc import Mapping, Sequence

from PIL import Image

from common import vlm
from common.methods.interface import MethodSubject
from common.methods.myvlm.settings import OwnQuestions
from common.methods.myvlm.training_pairs import Identifier, Pair
from common.prompts.myvlm import questions_for


def ask(
    base: vlm.Base,
    subject: MethodSubject,
    identifier: Identifier,
    photos: Mapping[str, Image.Image],
    settings: OwnQuestions,
    batch_size: int,
) -> dict[str, list[list[Pair]]]:
    """By photo (SHA-256), a task for each question that the base has an answer to.

    As published, an answer is in small letters, and the category in it becomes the subject's name.
    """
    category = settings.category.replace("{noun}", subject.noun or subject.kind)
    category = category.replace("{kind}", subject.kind)
    questions = questions_for(subject.kind)
    prefixes = vlm.encode_prefixes(base, list(photos.values()), batch_size)
    answers = vlm.answer(
        base,
        [vlm.Query(q.format(name=category), place) for place in range(len(photos)) for q in questions],
        prefixes,
        max_new_tokens=settings.max_new_tokens,
        batch_size=batch_size,
    )
    texts = [named(answer.text, category, identifier.word) for answer in answers]
    asked = [question.format(name=identifier.word) for question in questions]
    return {
        photo: _tasks(asked, texts[place * len(asked) : (place + 1) * len(asked)])
        for place, photo in enumerate(photos)
    }


def named(answer: str, category: str, name: str) -> str:
    """The answer in small letters, with the name where it has the category."""
    return re.sub(rf"\b{re.escape(category.lower())}\b", lambda _: name, answer.lower())


def _tasks(questions: Sequence[str], answers: Sequence[str]) -> list[list[Pair]]:
    return [[(question, answer)] for question, answer in zip(questions, answers, strict=True) if answer]
