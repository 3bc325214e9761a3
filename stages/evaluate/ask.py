"""The engine of evaluation: many questions about many photos, with each photo's image prefix computed once.

Photos are taken in groups of `batch_size`; a group's prefixes serve all subjects, methods and tasks and are
then let go, so memory does not grow with the number of photos. Owns the order of work only; what is asked and
how it is judged stands in recognition.py, choices.py and chats.py.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from stages import vlm
from stages.core import images, progress
from stages.evaluate.definitions import Definition
from stages.evaluate.photos import Photo


class Task(NamedTuple):
    """A kind of question: how much may be answered, and which two answers get probabilities."""

    max_new_tokens: int
    options: tuple[str, str] = ("Yes", "No")


# A right answer is one word or letter (with an end token); a model that says more has failed at once.
RECOGNITION = Task(max_new_tokens=8)
CHOICE = Task(max_new_tokens=8, options=("A", "B"))


class Ask(NamedTuple):
    """One question to the model; `photo` indexes the list of photos, None asks without an image."""

    task: Task
    photo: int | None
    question: str
    definition: Definition


def answer_all(
    base: vlm.Base, photos: Sequence[Photo], asks: Sequence[Ask], batch_size: int
) -> list[vlm.Answer]:
    """Answer every question, in the order of `asks`."""
    answers: dict[int, vlm.Answer] = {}
    by_photo: dict[int | None, list[int]] = defaultdict(list)
    for number, ask in enumerate(asks):
        by_photo[ask.photo].append(number)

    with progress.bar(len(asks), "evaluate") as bar:
        for start in range(0, len(photos), batch_size):
            group = range(start, min(start + batch_size, len(photos)))
            prefixes = vlm.encode_prefixes(
                base, [images.load_image(photos[i].path) for i in group], batch_size
            )
            numbers = [number for i in group for number in by_photo[i]]
            answers |= _answer(base, asks, numbers, prefixes, start, batch_size)
            bar.update(len(numbers))
        prefixes = vlm.encode_prefixes(base, [], batch_size)
        answers |= _answer(base, asks, by_photo[None], prefixes, 0, batch_size)
        bar.update(len(by_photo[None]))
    return [answers[number] for number in range(len(asks))]


def _answer(
    base: vlm.Base,
    asks: Sequence[Ask],
    numbers: list[int],
    prefixes: vlm.PrefixCache,
    first: int,
    batch_size: int,
) -> dict[int, vlm.Answer]:
    answers: dict[int, vlm.Answer] = {}
    for task in dict.fromkeys(asks[number].task for number in numbers):
        chosen = [number for number in numbers if asks[number].task == task]
        queries = [
            vlm.Query(ask.question, None if ask.photo is None else ask.photo - first, ask.definition)
            for ask in (asks[number] for number in chosen)
        ]
        found = vlm.answer(
            base,
            queries,
            prefixes,
            max_new_tokens=task.max_new_tokens,
            batch_size=batch_size,
            options=task.options,
        )
        answers |= dict(zip(chosen, found, strict=True))
    return answers
