"""The plain way to use a soft prompt: rows behind the model's own tables, whole sequences, no engine of ours.

What the reference and the alternative share: sequences, grown tables, and training taken step by step.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from PIL import Image
from torch import nn

from common import vlm
from common.training.samples import Sample, TrainingSet
from common.vlm.suffix import IGNORE

# As published, for every system.
LEARNING_RATE, WEIGHT_DECAY = 1e-3, 1e-2


@dataclass(frozen=True)
class Whole:
    """A sample from its first to its last token, an id for each image token; labels as in `vlm.Suffix`."""

    ids: list[int]
    labels: list[int]
    image: int | None


def wholes(
    base: vlm.Base,
    definition: vlm.SoftPrompt | None,
    samples: Sequence[Sample],
    *,
    answered: bool,
    first: int = 0,
) -> list[Whole]:
    """Whole sequences of samples, up to the end of the answer or of the question.

    Make them before the tables are grown. `first` is the place of the prompt's rows among all learned rows.
    """
    shown = base.processor.image_token
    image_text = base.layout.prefix_text(image=True).replace(
        shown, shown * base.model.config.image_seq_length
    )
    prefixes = {
        image: base.tokenizer(text).input_ids
        for image, text in ((True, image_text), (False, base.layout.prefix_text(image=False)))
    }
    made = []
    for sample in samples:
        image = sample.image is not None
        suffix = vlm.suffix(
            base, definition, sample.question, sample.answer if answered else None, image=image
        )
        ids = [i + first if i >= base.vocab_size else i for i in suffix.ids]
        before = prefixes[image]
        made.append(Whole(before + ids, [IGNORE] * len(before) + suffix.labels, sample.image))
    return made


@contextmanager
def grown(base: vlm.Base, prompts: Sequence[vlm.SoftPrompt]) -> Iterator[None]:
    """Put the learned rows behind the model's own tables meanwhile.

    The input table gets the rows of all prompts one after another; the output table gets the identifiers.
    Both new tables are in the model's dtype and frozen; the rest of the model is shared, not copied.
    """
    model, decoder = base.model, base.model.model.language_model
    own_input, own_output = decoder.embed_tokens, model.lm_head
    tables = [
        torch.cat([own.weight, *(rows.to(own.weight) for rows in learned)])
        for own, learned in (
            (own_input, [prompt.embeddings for prompt in prompts]),
            (own_output, [prompt.output_row for prompt in prompts]),
        )
    ]
    decoder.embed_tokens = nn.Embedding.from_pretrained(tables[0])
    model.lm_head = nn.Linear(*reversed(tables[1].shape), bias=False, device="meta")
    model.lm_head.weight = nn.Parameter(tables[1], requires_grad=False)
    try:
        yield
    finally:
        decoder.embed_tokens, model.lm_head = own_input, own_output


class Loop(ABC):
    """One subject's training on grown tables; to be made and used within `grown(base, [prompt])`.

    `learned` are the parameters of input and output rows, and where in them the learned rows begin.
    """

    def __init__(self, base: vlm.Base, learned: Mapping[nn.Parameter, int]) -> None:
        self.base, self._learned = base, learned
        self._optimizer = torch.optim.AdamW(learned, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)

    @abstractmethod
    def loss(self, chosen: Sequence[int]) -> torch.Tensor:
        """Mean loss of these training samples."""

    @abstractmethod
    def says_yes(self, chosen: Sequence[int]) -> list[bool]:
        """Whether the answers to these validation samples are Yes."""

    def step(self, chosen: Sequence[int]) -> None:
        """One update on these training samples."""
        self._optimizer.zero_grad()
        self.loss(chosen).backward()
        self._optimizer.step()

    def rows(self) -> list[torch.Tensor]:
        """The learned input rows (k+1, D) and the identifier's output row (1, D)."""
        return [parameter.detach()[first:].clone() for parameter, first in self._learned.items()]

    def gradients(self, chosen: Sequence[int]) -> list[torch.Tensor]:
        """Gradients of `rows` for these training samples; nothing is updated."""
        self._optimizer.zero_grad()
        self.loss(chosen).backward()
        return [parameter.grad[first:].clone() for parameter, first in self._learned.items()]


@dataclass(frozen=True)
class Prepared:
    """A lesson as whole sequences."""

    images: list[Image.Image]
    training: list[Whole]
    validation: list[Whole]

    @classmethod
    def of(cls, base: vlm.Base, prompt: vlm.SoftPrompt, training_set: TrainingSet) -> "Prepared":
        """Make the sequences; before `grown`."""
        return cls(
            training_set.images,
            wholes(base, prompt, training_set.training, answered=True),
            wholes(base, prompt, training_set.validation, answered=False),
        )
