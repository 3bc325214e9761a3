"""The chat layout: which text and which ids stand around the image and the soft prompt.

    [SYSTEM ]USER: <image>\\n   |  {definition} {question} ASSISTANT:  |   {answer}</s>
    prefix, per image             suffix: prompt                          suffix: labels

The wording comes from the processor's chat template, so all families share this code; shown is LLaVA's.
Without an image, its prefix is ``[SYSTEM ]USER:`` and the suffix starts with the space after it. A later turn
of a conversation has no prefix: its suffix is ``</s>USER: {definition} {question} ASSISTANT:``, where only
who was not named before is defined.

Learned rows travel through the tokenizer as an added token (`SLOT`), so the pieces around them are exactly
those of a tokenizer with the identifier added; in ids, row r is written V + r, V being the vocabulary size.
"""

import copy
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from typing import TYPE_CHECKING, ClassVar

import torch

from common.core.errors import UserError
from common.vlm.chat_template import around_question, next_turn
from common.vlm.soft_prompt import SoftPrompt, output_positions

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast, ProcessorMixin

SLOT = "<|learned row|>"
LATENT = "<latent>"  # how readers see a latent token
_WORD = re.compile(r"[A-Za-z0-9_>]")  # begins a piece that has no space before it


@dataclass(frozen=True, eq=False)
class Layout:
    """Prefix texts, generation prompt and a private tokenizer that knows `SLOT`."""

    tokenizer: "PreTrainedTokenizerFast"
    slot_id: int
    image_prefix: str
    text_prefix: str
    separator: str  # what the template puts between the text-only prefix and the question: a space
    image_separator: str  # the same behind the prefix with a photo: nothing where that ends a line
    generation_prompt: str  # what follows the question: " ASSISTANT:"
    answer_gap: str  # between generation prompt and answer: a space, or nothing where the prompt ends a line
    next_turn: str  # what stands between an answer's end token and the next question: "USER: "
    next_photo_turn: str  # the same with a photo, one image token standing for all
    reserved: frozenset[str]
    image_token: str
    photo_in_suffix: ClassVar[bool] = False  # whether the photo comes after the definition (see `system`)

    @classmethod
    def of(cls, processor: "ProcessorMixin", system: str) -> "Layout":
        """Derive the layout from the processor's chat template."""
        image_prefix, generation_prompt = around_question(processor, system, image=True)
        head, text_generation_prompt = around_question(processor, system, image=False)
        if generation_prompt != text_generation_prompt:
            raise UserError("the base model's chat template ends differently with and without an image")
        if processor.image_token not in image_prefix:
            raise UserError(
                "the base model's chat template must put the image before the question: use another"
            )
        from tokenizers import AddedToken

        tokenizer = copy.deepcopy(processor.tokenizer)
        tokenizer.add_tokens([AddedToken(SLOT, normalized=False)])
        tokenizer.backend_tokenizer.no_truncation()
        tokenizer.backend_tokenizer.no_padding()
        text_prefix, whole_prefix = head.rstrip(" "), image_prefix
        image_prefix = whole_prefix.rstrip(" ")
        return cls(
            tokenizer=tokenizer,
            slot_id=tokenizer.convert_tokens_to_ids(SLOT),
            image_prefix=image_prefix,
            text_prefix=text_prefix,
            separator=head[len(text_prefix) :],
            image_separator=whole_prefix[len(image_prefix) :],
            generation_prompt=generation_prompt,
            answer_gap="" if generation_prompt.endswith("\n") else " ",
            next_turn=next_turn(processor, image=False),
            next_photo_turn=next_turn(processor, image=True),
            reserved=frozenset(tokenizer.all_special_tokens) | {SLOT, processor.image_token},
            image_token=processor.image_token,
        )

    @cached_property
    def word_pieces(self) -> torch.Tensor:
        """Which ids would go on with the word before them: (`slot_id`,) bool on the CPU."""
        pieces = self.tokenizer.convert_ids_to_tokens(range(self.slot_id))
        return torch.tensor([bool(_WORD.match(piece)) for piece in pieces])

    def prefix_text(self, image: bool) -> str:
        """Text of the prefix, one image token standing for all."""
        return self.image_prefix if image else self.text_prefix

    def prompt_text(self, definition: str | None, question: str, image: bool) -> str:
        """Text of the suffix up to the answer."""
        separator = self.image_separator if image else self.separator
        return separator + (f"{definition} " if definition else "") + question + self.generation_prompt

    def next_turn_text(self, definition: str | None, question: str, photo: torch.Tensor | None) -> str:
        """Text of a later turn from the end token to the answer; photo: (1, P, D) float32, or None."""
        turn = self.next_turn
        if photo is not None:
            turn = self.next_photo_turn.replace(self.image_token, self.image_token * photo.shape[1])
        return turn + (f"{definition} " if definition else "") + question + self.generation_prompt

    def describe(self, definition: str, image: bool, end_token: bool = True) -> str:
        """The text around question and answer, for readers; one image token stands for all of a photo."""
        text = self.prefix_text(image) + self.prompt_text(definition, "{question}", image)
        text += f"{self.answer_gap}{{answer}}{self.tokenizer.eos_token if end_token else ''}"
        return re.sub(f"(?:{re.escape(self.image_token)})+", self.image_token, text)

    def encode_continuation(self, prefix: str, text: str) -> list[int]:
        """Ids that `text` adds to `prefix`, so that both parts concatenate to the ids of the whole."""
        before, whole = self._ids(prefix), self._ids(prefix + text)
        if whole[: len(before)] != before:
            raise UserError(f"the base model's tokenizer merges across the end of {prefix!r}: use another")
        return whole[len(before) :]

    def first_id(self, answer: str) -> int:
        """Id of the first piece of an answer at the answer position."""
        return self.encode_continuation(self.text_prefix + self.generation_prompt, self.answer_gap + answer)[
            0
        ]

    def decode(self, ids: list[int], vocab_size: int, prompts: Sequence[SoftPrompt]) -> str:
        """Text of generated ids, learned rows from `vocab_size` on; ids of padding rows are dropped."""
        tokens = {
            vocab_size + row: word
            for row, word in zip(output_positions(prompts), _words(prompts), strict=True)
        }
        known = [self.slot_id if i in tokens else i for i in ids if i < self.slot_id or i in tokens]
        text = self.tokenizer.decode(known, skip_special_tokens=True)
        # Some tokenizers prepend a space to whatever follows an added token, even to a space.
        pieces = text.replace(SLOT + "  ", SLOT + " ").split(SLOT)
        said = [tokens[i] for i in ids if i in tokens]
        return "".join(word for pair in zip_longest(pieces, said, fillvalue="") for word in pair).strip()

    def _ids(self, text: str) -> list[int]:
        # The tokenizer's own call does the same 20 times slower, which counts for thousands of questions.
        bos = self.tokenizer.bos_token
        backend = self.tokenizer.backend_tokenizer
        return backend.encode(text, add_special_tokens=not (bos and text.startswith(bos))).ids


def _words(prompts: Sequence[SoftPrompt]) -> list[str]:
    """How the rows that can be generated read."""
    return [word for prompt in prompts for word in [prompt.token, *[LATENT] * (len(prompt.output_row) - 1)]]
