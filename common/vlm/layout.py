"""The chat layout: owns which text and which ids stand around the image and the soft prompt.

    [SYSTEM ]USER: <image>\\n   |  {definition} {question} ASSISTANT:  |   {answer}</s>
    prefix, per image             suffix: prompt                          suffix: labels

The wording comes from the processor's chat template, so all families share this code; shown is LLaVA's.
Without an image, its prefix is ``[SYSTEM ]USER:`` and the suffix starts with the space after it. Does not run
the model.

Learned rows travel through the tokenizer as an added token (`SLOT`), so the pieces around them are exactly
those of a tokenizer with the identifier added; in ids, row r is written V + r, V being the vocabulary size.
"""

import copy
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, ClassVar

from common.core.errors import UserError
from common.vlm.families import check_inline
from common.vlm.interleaved import InterleavedText
from common.vlm.soft_prompt import SoftPrompt, identifier_positions, output_positions

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerFast, ProcessorMixin

    from common.vlm.load import Base

IGNORE = -100  # label of a position without a target, as in transformers
SLOT = "<|learned row|>"
LATENT = "<latent>"  # how readers see a latent token
Definition = str | InterleavedText | SoftPrompt | tuple[SoftPrompt, ...] | None
_QUESTION = "\ue000"  # marks the question's place in the chat template; private use, so in no template


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
    definition: "Definition" = None


@dataclass(frozen=True)
class Suffix:
    """Ids after the prefix, learned row r as V + r; labels of the same length, IGNORE but on the answer.

    photos: (n, P, D) float32, what stands at the image token's positions in a sentence with photos; or None.
    """

    ids: list[int]
    labels: list[int]
    photos: "torch.Tensor | None" = None


@dataclass(frozen=True, eq=False)
class Layout:
    """Prefix texts, answer cue and a private tokenizer that knows `SLOT`."""

    tokenizer: "PreTrainedTokenizerFast"
    slot_id: int
    image_prefix: str
    text_prefix: str
    separator: str  # what the template puts between the text-only prefix and the question: a space
    generation_prompt: str  # what follows the question: " ASSISTANT:"
    answer_gap: (
        str  # what stands between the cue and the answer: a space, or nothing where the cue ends a line
    )
    reserved: frozenset[str]
    image_token: str
    photo_in_suffix: ClassVar[bool] = False  # whether the photo comes after the definition (see `system`)

    @classmethod
    def of(cls, processor: "ProcessorMixin", system: str) -> "Layout":
        """Derive the layout from the processor's chat template."""
        image_prefix, generation_prompt = _template(processor, system, image=True)
        head, text_generation_prompt = _template(processor, system, image=False)
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
        text_prefix = head.rstrip(" ")
        return cls(
            tokenizer=tokenizer,
            slot_id=tokenizer.convert_tokens_to_ids(SLOT),
            image_prefix=image_prefix,
            text_prefix=text_prefix,
            separator=head[len(text_prefix) :],
            generation_prompt=generation_prompt,
            answer_gap="" if generation_prompt.endswith("\n") else " ",
            reserved=frozenset(tokenizer.all_special_tokens) | {SLOT, processor.image_token},
            image_token=processor.image_token,
        )

    def prefix_text(self, image: bool) -> str:
        """Text of the prefix, one image token standing for all."""
        return self.image_prefix if image else self.text_prefix

    def prompt_text(self, definition: str | None, question: str, image: bool) -> str:
        """Text of the suffix up to the answer."""
        separator = "" if image else self.separator
        return separator + (f"{definition} " if definition else "") + question + self.generation_prompt

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
) -> Suffix:
    """Ids and labels of ``{definition} {question} ASSISTANT:[ {answer}</s>]``, in the wording of the base.

    Args:
        base: model whose layout and vocabulary size are used.
        definition: a `SoftPrompt` goes in as its rows, and its token (``<bo>``) is row 0 in question and
            answer too; of several, the rows count on. A sentence goes in as text, its photos as image tokens.
        question: plain text.
        answer: the supervised text; None to generate.
        image: whether the prefix shows an image.
        end_token: whether the end token follows the answer, supervised as well.

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
    if prompts:
        own = {prompt.token: row for prompt, row in zip(prompts, identifier_positions(prompts), strict=True)}
        token = re.compile("|".join(map(re.escape, own)))
        rows = list(range(sum(prompt.latent_tokens + 1 for prompt in prompts)))
        rows += [own[name] for text in (question, answer or "") for name in token.findall(text)]
        question = token.sub(SLOT, question)
        answer = answer and token.sub(SLOT, answer)
        sentence = " ".join(prompt.text(SLOT, SLOT) for prompt in prompts)
    elif isinstance(definition, InterleavedText):
        check_inline(base.name, base.model.config.model_type)
        sentence = definition.written(layout.image_token)
    prefix, prompt = layout.prefix_text(image), layout.prompt_text(sentence, question, image)
    ids = layout.encode_continuation(prefix, prompt)
    asked = len(ids)
    if answer is not None:
        ids += layout.encode_continuation(prefix + prompt, layout.answer_gap + answer)
        ids += [layout.tokenizer.eos_token_id] * end_token
    vocab_size, slots = base.vocab_size, iter(rows)  # transformers looks the table up each time it is asked
    ids = [vocab_size + next(slots) if i == layout.slot_id else i for i in ids]
    return Suffix(ids, [IGNORE] * asked + ids[asked:], photos)


def _template(processor: "ProcessorMixin", system: str, image: bool) -> tuple[str, str]:
    """Text before and after the question."""
    if not processor.chat_template:
        raise UserError(
            "the base model has no chat template: use a converted one, such as llava-hf/llava-1.5-7b-hf"
        )
    content = [{"type": "image"}] * image + [{"type": "text", "text": _QUESTION}]
    messages = [{"role": "user", "content": content}]
    if system:
        messages.insert(0, {"role": "system", "content": [{"type": "text", "text": system}]})
    text = processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    before, _, encode_continuation = text.partition(_QUESTION)
    if system not in before:
        raise UserError("the base model's chat template drops the system sentence: set base.vlm.system to ''")
    return before, encode_continuation
