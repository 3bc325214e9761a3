"""The loop that Yo'LLaVA publishes, written anew from its description: one sample, whole, at a time.

Both tables are optimized as a whole, and after each step every row but the new ones is put back. The image
goes through the vision tower at every step; logits are made in float32 at every position; validation and
tests generate, one photo at a time, and compare the words. Where the description costs more than it must and
nothing depends on it, the cheaper way is taken, to the reference's advantage: pictures are read and resized
once, rows are put back by one copy and not through masks, norms are not logged, of the output rows only the
identifier's is learned (as in the paper), and generation stops after as many tokens as are needed.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from PIL import Image

from benchmarks.plain import Loop, Prepared, Whole
from common import vlm
from common.vlm.suffix import IGNORE

WORD = 2  # tokens of an answer in one word: itself and the end


class Plain:
    """A model that is given one whole sequence after another, with its image's pixels."""

    def __init__(self, base: vlm.Base, images: Sequence[Image.Image]) -> None:
        self.base = base
        self.pixels = [
            base.processor.image_processor(image, return_tensors="pt").pixel_values for image in images
        ]

    def inputs(self, whole: Whole) -> dict[str, torch.Tensor | None]:
        """What the model is called with: ids (1, T), pixels (1, 3, H, W)."""
        ids = torch.tensor([whole.ids], device=self.base.device)
        pixels = None
        if whole.image is not None:
            pixels = self.pixels[whole.image].to(self.base.device, self.base.model.dtype)
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "pixel_values": pixels}

    @torch.no_grad()
    def logits(self, whole: Whole) -> torch.Tensor:
        """Logits (1, T, V + n), at every position."""
        return self.base.model(**self.inputs(whole), use_cache=False).logits

    @torch.no_grad()
    def generate(self, whole: Whole, max_new_tokens: int) -> list[int]:
        """Ids of the greedy answer, without the end token."""
        made = self.base.model.generate(**self.inputs(whole), max_new_tokens=max_new_tokens, do_sample=False)[
            0, len(whole.ids) :
        ].tolist()
        end = self.base.tokenizer.eos_token_id
        return made[: made.index(end)] if end in made else made


class Reference(Loop):
    """One subject's training as published. Batches are of one sample."""

    def __init__(self, base: vlm.Base, training_set: Prepared) -> None:
        self._plain, self._lesson = Plain(base, training_set.images), training_set
        self._tables = base.model.get_input_embeddings().weight, base.model.lm_head.weight
        self._own = len(self._tables[1]) - 1  # rows of the model itself: the output table got one
        self._before = [table.detach()[: self._own].clone() for table in self._tables]
        super().__init__(base, {table.requires_grad_(): self._own for table in self._tables})

    def loss(self, chosen: Sequence[int]) -> torch.Tensor:
        (sample,) = (self._lesson.training[i] for i in chosen)
        logits = self.base.model(
            **self._plain.inputs(sample), use_cache=False
        ).logits.float()  # (1, T, V + 1)
        labels = torch.tensor(sample.labels[1:], device=self.base.device)
        return F.cross_entropy(logits[0, :-1], labels, ignore_index=IGNORE)

    def step(self, chosen: Sequence[int]) -> None:
        super().step(chosen)
        with torch.no_grad():
            for table, before in zip(self._tables, self._before, strict=True):
                table[: self._own] = before

    def says_yes(self, chosen: Sequence[int]) -> list[bool]:
        said = [self._plain.generate(self._lesson.validation[i], WORD) for i in chosen]
        return [self.base.layout.decode(ids, self._own, ()) == "Yes" for ids in said]
