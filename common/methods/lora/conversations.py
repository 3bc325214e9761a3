"""Others' conversations in an adapter's training: LLaVA's JSON, as it is or as a share of the mix.

General data beside a subject's own (replay) keep what the model knew; a file alone is LLaVA's fine-tuning.
Owns which items are learned, their pictures, and their turns as one sequence. Does not own the form
(`core.llava_json`) or single questions (`sequences`).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from common import vlm
from common.core import foreign, images, llava_json
from common.core.errors import UserError
from common.methods.lora.pictures import prefix_tokens
from common.methods.lora.sequences import Conversation, Example
from common.vlm.suffix import IGNORE

if TYPE_CHECKING:
    from common.methods.lora.settings import Conversations

_QUESTION, _ANSWER = "\ue000", "\ue001"  # mark places in the chat template; private use, so in no template


def load(
    chosen: "Conversations", own: int, first: int, rng: np.random.Generator
) -> tuple[list[Image.Image], list[Conversation]]:
    """The items that are learned beside `own` samples, drawn where they are not all, and their pictures.

    Pictures are numbered from `first` on.
    Raises UserError if the file is of another form, or an item's picture is not there.
    """
    path = Path(chosen.file)
    items = list(enumerate(llava_json.read(path)))
    if chosen.share is not None and chosen.share < 1:
        wanted = round(own * chosen.share / (1 - chosen.share))
        items = [items[i] for i in sorted(rng.permutation(len(items))[:wanted])]
    folder = Path(chosen.images or path.parent)
    place: dict[str, int] = {}
    pictures: list[Image.Image] = []
    made = []
    for number, item in items:
        for name in item.images:
            if name not in place:
                file = foreign.inside(folder, name)
                if not file.is_file():
                    raise UserError(
                        f"{path}, item {number}: {foreign.printable(name)} is not in {folder}: put it there, "
                        "or set conversations.images to the folder that image names are relative to"
                    )
                place[name] = first + len(pictures)
                pictures.append(images.load_image(images.read_bytes(file), str(file)))
        if item.turns:
            made.append(Conversation(item.turns, tuple(place[name] for name in item.images)))
    return pictures, made


def sequences(
    base: vlm.Base, conversations: Sequence[Conversation], images: Sequence[Image.Image]
) -> list[Example]:
    """Each conversation as one sequence: every answer and the end token after it are learned.

    Args:
        base: its chat template says what stands between an answer and the next question.
        conversations: what is learned.
        images: that they refer to.

    """
    again = _next_turn(base)
    before = prefix_tokens(base, (conversation.images for conversation in conversations), images)
    made = []
    for conversation in conversations:
        ids: list[int] = []
        labels: list[int] = []
        for number, (question, answer) in enumerate(conversation.turns):
            if number:
                ids += again
                labels += [IGNORE] * len(again)
            shown = bool(conversation.images) and not number
            turn = vlm.suffix(base, None, question, answer, image=shown)
            ids += turn.ids
            labels += turn.labels
        made.append(Example(conversation, before[conversation.images], ids, labels, conversation.images))
    return made


def _next_turn(base: vlm.Base) -> list[int]:
    """Ids between the end token of an answer and what `vlm.suffix` makes of the next question."""
    said = [("user", _QUESTION), ("assistant", _ANSWER), ("user", _QUESTION)]
    messages = [{"role": role, "content": [{"type": "text", "text": text}]} for role, text in said]
    text = base.processor.apply_chat_template(messages, tokenize=False)
    end = base.tokenizer.eos_token
    between = text.partition(_ANSWER)[2].partition(_QUESTION)[0].removeprefix(end).rstrip(" ")
    layout = base.layout
    before = layout.text_prefix + layout.generation_prompt + layout.answer_gap + _ANSWER + end
    return layout.encode_continuation(before, between)
