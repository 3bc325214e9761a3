"""Training samples of the language model as trees of text: segments that see their ancestors alone.

A tree's root is the photo, its children are questions or definitions, a definition's children are questions.
Every leaf is exactly the single-turn prompt of inference, yet the photo and the definition are computed once.
Does not know what is asked (`samples`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from common.core.settings import Section

IGNORED = -100


class ChatTexts(Section):
    """The texts of a chat template as trees write them; the defaults are those of LLaVA-1.5's.

    Attributes:
        photo: before a question about a photo, "<image>" standing for its tokens; without the first token.
        text: before one without a photo.
        gap: between `text` and the question.
        ask: between question and answer.
        answer_gap: before the answer.

    """

    photo: str = "USER: <image>\n"
    text: str = "USER:"
    gap: str = " "
    ask: str = " ASSISTANT:"
    answer_gap: str = " "


@dataclass
class Tree:
    """Token ids with, per token, its label (IGNORED if none), segment, position and image token (-1 if none).

    `ancestors[i]` holds the segments that segment i sees, itself included; `photos` what the image tokens
    show, in whatever form the caller makes image tokens from.
    """

    ids: list[int] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    segment: list[int] = field(default_factory=list)
    position: list[int] = field(default_factory=list)
    image: list[int] = field(default_factory=list)
    ancestors: list[set[int]] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    photos: list[Any] = field(default_factory=list)


class Writer:
    """Appends segments to trees, a photo as `image_tokens` tokens; remembers the ids of texts it has seen."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, image_tokens: int, chat: ChatTexts | None = None):
        self.tokenizer, self.image_tokens, self.chat = tokenizer, image_tokens, chat or ChatTexts()
        self.known: dict[str, list[int]] = {}
        self.eos, self.bos = tokenizer.eos_token_id, tokenizer.bos_token_id
        self.image = tokenizer.convert_tokens_to_ids("<image>")

    def encode(self, string: str) -> list[int]:
        """Ids without special tokens."""
        if string not in self.known:
            if len(self.known) > 200_000:
                self.known.clear()
            self.known[string] = self.tokenizer.encode(string, add_special_tokens=False)
        return self.known[string]

    def add(
        self,
        tree: Tree,
        parent: int,
        ids: list[int],
        labels: list[int],
        photo: Any = None,
        kept: Sequence[int] = (),
    ) -> int:
        """Appends a segment below `parent` (-1 for a root) and returns its number.

        `kept` numbers the photo's tokens that its image tokens stand for, in their order.
        """
        start = tree.ends[parent] if parent >= 0 else 0
        number = len(tree.ancestors)
        tree.ancestors.append((tree.ancestors[parent] if parent >= 0 else set()) | {number})
        tree.ids += ids
        tree.labels += labels
        tree.segment += [number] * len(ids)
        tree.position += range(start, start + len(ids))
        tree.ends.append(start + len(ids))
        first = len(tree.photos) * self.image_tokens
        if photo is not None:
            tree.photos.append(photo)
        numbers = iter(kept)
        tree.image += [first + next(numbers) if token == self.image else -1 for token in ids]
        return number

    def prompt(
        self,
        tree: Tree,
        parent: int,
        string: str,
        photo: Any = None,
        begin: bool = False,
        kept: Sequence[int] | None = None,
    ) -> int:
        """A segment without labels; "<image>" in the string stands for a photo's tokens, or those kept."""
        kept = range(self.image_tokens) if kept is None else kept
        before, marker, after = string.partition("<image>")
        ids = [self.bos] * begin + self.encode(before)
        if marker:
            ids = ids + [self.image] * len(kept) + self.encode(after)
        return self.add(tree, parent, ids, [IGNORED] * len(ids), photo, kept)

    def question(self, tree: Tree, parent: int, question: str, answer: str) -> None:
        """A leaf: question, what asks for an answer, answer and end, of which the last two carry labels."""
        asked = self.encode(f"{question}{self.chat.ask}")
        answered = [*self.encode(f"{self.chat.answer_gap}{answer}"), self.eos]
        self.add(tree, parent, asked + answered, [IGNORED] * len(asked) + answered)


@dataclass(frozen=True)
class Batch:
    """ids, labels, positions (B, T); visible bool (B, 1, T, T); image (B, T) numbers tokens of `photos`."""

    ids: Tensor
    labels: Tensor
    positions: Tensor
    visible: Tensor
    image: Tensor
    photos: list[Any]

    def to(self, device: torch.device) -> Batch:
        """Return the batch with its tensors on the device."""
        tensors = (self.ids, self.labels, self.positions, self.visible, self.image)
        return Batch(*(tensor.to(device) for tensor in tensors), self.photos)


def collate(trees: list[Tree], padding: int, image_tokens: int) -> Batch:
    """Right-pads trees to one length; a padding token sees only itself. A photo has `image_tokens` tokens."""
    length = max(len(tree.ids) for tree in trees)
    ids = torch.full((len(trees), length), padding)
    labels = torch.full((len(trees), length), IGNORED)
    positions = torch.zeros((len(trees), length), dtype=torch.long)
    image = torch.full((len(trees), length), -1)
    visible = torch.eye(length, dtype=torch.bool).expand(len(trees), 1, -1, -1).clone()
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    photos: list[Any] = []
    for row, tree in enumerate(trees):
        size, count = len(tree.ids), len(tree.ancestors)
        ids[row, :size] = torch.tensor(tree.ids)
        labels[row, :size] = torch.tensor(tree.labels)
        positions[row, :size] = torch.tensor(tree.position)
        shown = torch.tensor(tree.image)
        image[row, :size] = torch.where(shown >= 0, shown + len(photos) * image_tokens, shown)
        photos += tree.photos
        sees = torch.zeros(count, count, dtype=torch.bool)
        for number, ancestors in enumerate(tree.ancestors):
            sees[number, list(ancestors)] = True
        segment = torch.tensor(tree.segment)
        visible[row, 0, :size, :size] = sees[segment][:, segment] & causal[:size, :size]
    return Batch(ids, labels, positions, visible, image, photos)
