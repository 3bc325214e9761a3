"""Many questions about many photos to the frozen base, with each photo's image prefix computed once.

Photos are taken in groups of `batch_size`; a group's prefixes serve all subjects and tasks and are then let
go, so memory does not grow with the number of photos. For methods that put something into the prompt and
leave the model as it is.
"""

from collections import defaultdict
from collections.abc import Sequence

from common import vlm
from common.core import images, progress
from common.methods.interface import Photos, Request


def answer_all(
    base: vlm.Base,
    photos: Photos,
    requests: Sequence[Request],
    definitions: Sequence[vlm.Definition],
    batch_size: int,
    title: str = "evaluate",
) -> list[vlm.Answer]:
    """Answer every question, in the order of `requests`.

    Args:
        base: the model.
        photos: by the keys that requests name.
        requests: N questions.
        definitions: what stands before each of them.
        batch_size: photos of a group, and rows of a forward pass.
        title: of the progress bar.

    Raises:
        ContextFullError: a question and its answer do not fit into the model's positions.

    """
    answers: dict[int, vlm.Answer] = {}
    by_photo: dict[str | None, list[int]] = defaultdict(list)
    for number, request in enumerate(requests):
        by_photo[request.photo].append(number)
    shown = [photo for photo in photos if photo in by_photo]

    with progress.bar(len(requests), title) as bar:
        for start in range(0, len(shown), batch_size):
            group = shown[start : start + batch_size]
            prefixes = vlm.encode_prefixes(
                base, [images.load_image(photos[photo]) for photo in group], batch_size
            )
            numbers = [number for photo in group for number in by_photo[photo]]
            answers |= answer_group(base, requests, definitions, numbers, group, prefixes, batch_size)
            bar.update(len(numbers))
        prefixes = vlm.encode_prefixes(base, [], batch_size)
        answers |= answer_group(base, requests, definitions, by_photo[None], [], prefixes, batch_size)
        bar.update(len(by_photo[None]))
    return [answers[number] for number in range(len(requests))]


def prompt_tokens(base: vlm.Base, definition: vlm.Definition, photo: bool = True) -> int:
    """Count the positions that a question becomes longer by when this stands before it."""
    with_it, without = (vlm.suffix(base, put, "Is it?", image=photo) for put in (definition, None))
    return len(with_it.ids) - len(without.ids)


def answer_group(
    base: vlm.Base,
    requests: Sequence[Request],
    definitions: Sequence[vlm.Definition],
    numbers: Sequence[int],
    group: Sequence[str],
    prefixes: vlm.Prefixes,
    batch_size: int,
) -> dict[int, vlm.Answer]:
    """Answer the requests of these numbers; `prefixes` holds those of the group's photos."""
    answers: dict[int, vlm.Answer] = {}
    place = {photo: i for i, photo in enumerate(group)}
    forms = {
        number: (requests[number].task.max_new_tokens, requests[number].task.options) for number in numbers
    }
    for form in dict.fromkeys(forms.values()):
        chosen = [number for number in numbers if forms[number] == form]
        queries = [
            vlm.Query(requests[n].question, place.get(requests[n].photo), definitions[n])  # None for no photo
            for n in chosen
        ]
        max_new_tokens, options = form
        vlm.check_length(base, queries, prefixes, max_new_tokens)
        group_answers = vlm.answer(
            base,
            queries,
            prefixes,
            max_new_tokens=max_new_tokens,
            batch_size=batch_size,
            options=options,
        )
        answers |= dict(zip(chosen, group_answers, strict=True))
    return answers
