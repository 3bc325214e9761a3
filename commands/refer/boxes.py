"""Referring expressions of MiniGPT-v2: owns the question, the one form of an answer that counts, and boxes.

A box is ``{<left><top><right><bottom>}``, each from 0 to 100 hundredths of the width or height (Chen et al.
2023, section 2). Whatever else is said is no box: where an answer holds four numbers anyhow, as the published
demo reads it, nobody meant a box.
"""

import re

from PIL import Image, ImageDraw

from common.assistant import Assistant
from common.core import images
from common.core.errors import UserError
from common.methods.interface import PHOTO
from common.prompts.myvlm import REFER

FAMILY = "minigpt_v2"
GRID = 100
COLOR = (255, 0, 0)
_BOX = re.compile(r"\{" + r"<(\d{1,3})>" * 4 + r"\}")
Box = tuple[int, int, int, int]  # left, top, right, bottom


def ask(assistant: Assistant, method: str, subject: str, image: Image.Image, max_new_tokens: int) -> str:
    """What a method says when asked where the subject is in a photo.

    Raises UserError if the base is of a family that says no boxes, or the method has not learned the subject.
    """
    base = assistant.base
    if base.model.config.model_type != FAMILY:
        raise UserError(
            f"{base.name} is a model of type {base.model.config.model_type}, and boxes are said by {FAMILY}: "
            "make one with `python -m commands.minigpt_v2`, and set base.vlm.model to it"
        )
    assistant.method(method)
    assistant.check_learned(method, [subject])
    question = REFER.format(name=f"<{subject}>")
    request = assistant.request(method, [subject], question, PHOTO, max_new_tokens)
    (answer,) = assistant.answer_all(method, {PHOTO: images.png(image)}, [request])
    return answer.text


def parse(said: str) -> Box | None:
    """The box, in hundredths; None if the answer is anything but one that has an area."""
    match = _BOX.fullmatch(said.strip())
    if not match:
        return None
    left, top, right, bottom = map(int, match.groups())
    return (left, top, right, bottom) if left < right <= GRID and top < bottom <= GRID else None


def in_pixels(box: Box, size: tuple[int, int]) -> Box:
    """The box in a photo of this width and height."""
    left, top, right, bottom = (
        round(place * side / GRID) for place, side in zip(box, (*size, *size), strict=True)
    )
    return left, top, right, bottom


def draw(image: Image.Image, box: Box) -> Image.Image:
    """A copy of the RGB photo with the box, in pixels, around what it holds."""
    drawn = image.copy()
    ImageDraw.Draw(drawn).rectangle(box, outline=COLOR, width=max(2, max(image.size) // 200))
    return drawn
