"""Suffixes: the ids and labels of definition, question and answer, in the wording of `layout`.

    prefix, per image             suffix: prompt                          suffix: labels
    [SYSTEM ]USER: <image>\\n   |  {definition} {question} ASSISTANT:  |   {answer}</s>

Learned row r is written V + r, V being the vocabulary size.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from common.core.errors import UserError
from common.vlm.families import check_interleaved
from common.vlm.interleaved import InterleavedText
from common.vlm.layout import SLOT
from common.vlm.soft_prompt import SoftPrompt, identifier_positions

if TYPE_CHECKING:
    from common.vlm.load import Base

IGNORE = -100  # label of a position without a target, as in transformers
Definition = str | InterleavedText | SoftPrompt | tuple[SoftPrompt, ...] | None


@dataclass(frozen=True)
class Query:
    """One question to the model.

    Attributes:
        question: plain text; write the subject as its token, ``<bo>``.
        image: index into the `PrefixCache`, or None for a text-only question.
        definition: a soft prompt, those of several subjects, or a sentence, perhaps with photos in it, put
            before the question; None for neither.

    """

    question: str
    image: int | None = None
    definition: Definition = None


@dataclass(frozen=True)
class Suffix:
    """Ids after the prefix, learned row r as V + r; labels of the same length, IGNORE but on the answer.

    photos: (n, P, D) float32, what stands at the image token's positions in a sentence with photos; or None.
    """

    ids: list[int]
    labels: list[int]
    photos: torch.Tensor | None = None


def soft_prompts(definition: Definition) -> tuple[SoftPrompt, ...]:
    """The soft prompts that a definition consists of; none if it is a sentence or nothing."""
    if isinstance(definition, SoftPrompt):
        return (definition,)
    return definition if isinstance(definition, tuple) else ()


def suffix(
    base: "Base",
    definition: Definition,
    question: str,
    answer: str | None = None,
    *,
    image: bool = True,
    end_token: bool = True,
    earlier: Sequence[SoftPrompt] | None = None,
    photo: torch.Tensor | None = None,
) -> Suffix:
    """Make ids and labels of ``{definition} {question} ASSISTANT:[ {answer}</s>]``, worded as by the base.

    Args:
        base: model whose layout and vocabulary size are used.
        definition: a `SoftPrompt` goes in as its rows, and its token (``<bo>``) is row 0 in question and
            answer too; of several, the rows count on. A sentence goes in as text, its photos as image tokens.
        question: plain text.
        answer: the supervised text; None to generate.
        image: whether the prefix shows an image.
        end_token: whether the end token follows the answer, supervised as well.
        earlier: of a later turn of a conversation, the soft prompts of the turns before, whose rows come
            first; None in a first turn.
        photo: (1, P, D) float32 image tokens of a photo that a later turn brings; None if it brings none.

    Raises:
        UserError: a text contains one of the tokenizer's special tokens.

    """
    layout = base.layout
    photos = definition.photos if isinstance(definition, InterleavedText) else None
    said = definition.text if isinstance(definition, InterleavedText) else definition
    for text in (question, answer or "", said if isinstance(said, str) else ""):
        for token in layout.reserved:
            if token in text:
                raise UserError(
                    f"the text {text!r} contains {token}, which means something else to the model: reword it"
                )
    rows: list[int] = []
    sentence = definition if isinstance(definition, str) else None
    prompts = soft_prompts(definition)
    known = (*(earlier or ()), *prompts)
    if known:
        own = {prompt.token: row for prompt, row in zip(known, identifier_positions(known), strict=True)}
        token = re.compile("|".join(map(re.escape, own)))
        first = sum(len(prompt.embeddings) for prompt in earlier or ())
        rows = list(range(first, first + sum(len(prompt.embeddings) for prompt in prompts)))
        rows += [own[name] for text in (question, answer or "") for name in token.findall(text)]
        question = token.sub(SLOT, question)
        answer = answer and token.sub(SLOT, answer)
    if prompts:
        sentence = " ".join(prompt.text(SLOT, SLOT) for prompt in prompts)
    elif isinstance(definition, InterleavedText):
        check_interleaved(base.name, base.model.config.model_type)
        sentence = definition.written(layout.image_token)
    if earlier is None:
        prefix, prompt = layout.prefix_text(image), layout.prompt_text(sentence, question, image)
        ids = layout.encode_continuation(prefix, prompt)
    else:
        prefix, prompt = layout.tokenizer.eos_token, layout.next_turn_text(sentence, question, photo)
        ids = [layout.tokenizer.eos_token_id, *layout.encode_continuation(prefix, prompt)]
        photos = photo if photos is None else photos if photo is None else torch.cat([photo, photos])
    asked = len(ids)
    if answer is not None:
        ids += layout.encode_continuation(prefix + prompt, layout.answer_gap + answer)
        ids += [layout.tokenizer.eos_token_id] * end_token
    vocab_size, slots = base.vocab_size, iter(rows)  # transformers looks the table up each time it is asked
    ids = [vocab_size + next(slots) if i == layout.slot_id else i for i in ids]
    return Suffix(ids, [IGNORE] * asked + ids[asked:], photos)
