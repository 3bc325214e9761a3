"""What BLIP-2 is taught and asked: captions of photos, unasked, with vectors before its Q-Former.

Owns the texts and the order of work. Does not run the model (`captioner`).
"""

from collections import defaultdict
from collections.abc import Sequence

import torch
from PIL import Image

from common import vlm
from common.core import images
from common.methods.interface import Photos, Request
from common.methods.myvlm.captioner import Captioner
from common.methods.myvlm.concept import Concept, PlacedRequest
from common.methods.myvlm.optimize import Losses, Prepare
from common.methods.myvlm.training_pairs import Pair
from common.prompts.myvlm import BLIP2_QUESTION

Form = tuple[tuple[Concept, ...], str, int]  # vectors, text and length of answers made in one forward


def before_qformer(captioner: Captioner, batch_size: int) -> Prepare:
    """Losses of a vector before the Q-Former; `batch_size` photos per forward of the vision tower."""

    def prepare(views: Sequence[Image.Image], pairs: Sequence[Pair], _: Sequence[Sequence[int]]) -> Losses:
        seen = captioner.see(views, batch_size)

        def of_step(step: Sequence[int], direction: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            captions = [caption for _, caption in (pairs[view] for view in step)]
            vectors = direction.expand(len(step), 1, -1)
            return captioner.losses(vlm.to_device(seen[step], captioner.device), captions, vectors)

        return of_step

    return prepare


def answer_captioner(
    captioner: Captioner, photos: Photos, placed: Sequence[PlacedRequest], batch_size: int
) -> list[vlm.Answer]:
    """Caption, or answer questions, greedily, with vectors before the Q-Former.

    Args:
        captioner: the model.
        photos: by key; without one, the language model alone is asked.
        placed: captions and questions, each with none or more concepts.
        batch_size: photos per forward pass.

    """
    answers: dict[int, vlm.Answer] = {}
    texts = [_text(each.worded) for each in placed]
    asked = {each.request.photo for each in placed}
    shown = [photo for photo in photos if photo in asked]
    for start in range(0, len(shown), batch_size):
        group = shown[start : start + batch_size]
        seen = captioner.see([images.load_image(photos[photo]) for photo in group], batch_size)
        seen = vlm.to_device(seen, captioner.device)
        forms: dict[Form, list[int]] = defaultdict(list)
        for number, each in enumerate(placed):
            if each.request.photo in group:
                form = tuple(each.concepts), texts[number], each.request.task.max_new_tokens
                forms[form].append(number)
        for (concepts, text, max_new_tokens), numbers in forms.items():
            rows = [concept.values for concept in concepts] or [torch.empty(0, captioner.hidden_size)]
            vectors = vlm.to_device(torch.cat(rows), captioner.device).expand(len(numbers), -1, -1)
            of_photos = seen[[group.index(placed[number].request.photo) for number in numbers]]
            written = captioner.answer(of_photos, text, vectors, max_new_tokens)
            answers |= dict(zip(numbers, written, strict=True))
    for number, each in enumerate(placed):
        if each.request.photo is None:
            (answers[number],) = captioner.answer(None, texts[number], None, each.request.task.max_new_tokens)
    return [each.with_tokens(answers[number]) for number, each in enumerate(placed)]


def _text(request: Request) -> str:
    """What stands behind the photo: nothing where a caption is wanted, as published."""
    return "" if request.task.kind == "caption" else BLIP2_QUESTION.format(question=request.question)
