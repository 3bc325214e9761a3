"""LLaVA's conversation JSON, ``[{id, image (optional), conversations: [{from, value}, …]}, …]``, checked.

`from` is human or gpt, the human begins, and both take turns; `image` is a file's name or a list of them.
``<image>`` may stand anywhere in a question: the pictures come before the first one, as LLaVA puts them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field

from common.core import foreign
from common.core.errors import UserError

IMAGE = "<image>"
ABOUT = '[{"id", "image" (optional), "conversations": [{"from": "human" or "gpt", "value"}]}] is expected'


class LlavaTurn(BaseModel):
    """One side of a turn."""

    speaker: Literal["human", "gpt"] = Field(alias="from")
    value: str


class Item(BaseModel):
    """One conversation."""

    image: str | list[str] | None = None
    conversations: list[LlavaTurn]

    @property
    def images(self) -> Sequence[str]:
        """The names of its pictures."""
        return [self.image] if isinstance(self.image, str) else self.image or []

    @property
    def turns(self) -> list[tuple[str, str]]:
        """Questions, without the marks of pictures, and their answers."""
        said = [one.value for one in self.conversations]
        return [
            (question.replace(IMAGE, "").strip(), answer.strip())
            for question, answer in zip(said[::2], said[1::2], strict=True)
        ]


def read(path: Path) -> list[Item]:
    """All items.

    Raises UserError, naming the item, if the form is another, speakers do not alternate, or a picture lacks.
    """
    items = foreign.read(path, list[Item], ABOUT)
    for number, item in enumerate(items):
        said = [one.speaker for one in item.conversations]
        if said != ["human", "gpt"] * (len(said) // 2):
            raise UserError(f"{path}, item {number}: human and gpt must alternate: mend the file")
        marks = sum(one.value.count(IMAGE) for one in item.conversations if one.speaker == "human")
        if marks > len(item.images):
            raise UserError(
                f"{path}, item {number}: {IMAGE} stands there {marks} times, for {len(item.images)} "
                "pictures: name the others under image, or take the marks out"
            )
    return items
