"""The soft prompt in the system turn: the layout in which the definition comes before the photo.

    [SYSTEM]  |   {definition} USER: <image>\\n{question} ASSISTANT:  |   {answer}</s>
    prefix        suffix: prompt                                        suffix: labels

So it is in the figures of Yo'LLaVA and by default in its code; its recommended command, and `layout`, put the
definition after the photo. Here keys and values of the photo depend on what is learned, so that nothing of a
photo but its image tokens can be reused.
"""

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar

from PIL import Image

from common.core.errors import UserError
from common.vlm.families import check_interleaved
from common.vlm.layout import Layout

if TYPE_CHECKING:
    from common.vlm.load import Base

_DEFINITION = "\ue001"  # marks the definition's place in the chat template; private use, so in no template


@dataclass(frozen=True, eq=False)
class SystemLayout(Layout):
    """A layout whose prefix ends before the definition, with or without a photo."""

    turn: str  # what stands between the definition and the question: "USER: "
    photo_turn: str  # the same with a photo, one image token for each of its P
    photo_in_suffix: ClassVar[bool] = True

    def prompt_text(self, definition: str | None, question: str, image: bool) -> str:
        """Text of the suffix up to the answer."""
        turn = self.photo_turn if image else self.turn
        return (
            self.separator
            + (f"{definition} " if definition else "")
            + turn
            + question
            + self.generation_prompt
        )


def in_system(base: "Base") -> "Base":
    """The same model, asked with the definition in the system turn.

    Raises UserError if the chat template has no place for it there, or photos cannot stand in the suffix.
    """
    check_interleaved(base.name, base.model.config.model_type)
    processor, image_token = base.processor, base.layout.image_token
    bare = Layout.of(processor, "").image_prefix
    system = base.layout.image_prefix.removesuffix(bare)
    marked = Layout.of(processor, system + _DEFINITION)
    head, _, photo_turn = (marked.image_prefix + marked.image_separator).partition(_DEFINITION)
    _, _, turn = (marked.text_prefix + marked.separator).partition(_DEFINITION)
    if image_token not in photo_turn:
        raise UserError("the base model's chat template has no system turn before the image: use another")
    blank = Image.new("RGB", (8, 8))
    ids = processor(images=[blank], text=[image_token], return_tensors="pt").input_ids[0].tolist()
    photo = image_token * ids.count(base.model.config.image_token_id)
    prefix = head.rstrip(" ")
    known: dict[str, Any] = {field.name: getattr(marked, field.name) for field in fields(marked)}
    known |= {"image_prefix": prefix, "text_prefix": prefix, "separator": head[len(prefix) :]}
    known |= {"turn": turn.lstrip(" "), "photo_turn": photo_turn.lstrip(" ").replace(image_token, photo)}
    return replace(base, layout=SystemLayout(**known))
