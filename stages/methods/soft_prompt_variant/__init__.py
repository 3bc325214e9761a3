"""Soft prompts as others place, start and train them, to be compared with `stages.train`'s.

Learned by the same code from the same data: with train's settings, a section learns train's rows to the byte.
What may differ: where the definition stands (the paper's figures have it in the system turn), whether latent
tokens get output rows (the published code trains them, though no answer ever contains one), where the rows
begin, how many photos are learned from, and whether captions are.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from stages.core.settings import Count, MethodSettings, Positive, Train
from stages.methods.interface import Ask, Cost, Method, Subject

if TYPE_CHECKING:
    from stages import vlm


class Settings(MethodSettings, Train):
    """What params.yaml holds under `train`, where null is not allowed, and what a variant changes.

    Attributes:
        placement: of the definition: user, after the photo, as train | system, before it (paper's figures).
        head: which rows are learned in the output layer: the identifier's | all, as in the published code.
        initial: where latent tokens begin; words are those of the base's short description (see `start`).
        photos: how many are learned from, the first by name; None for all.
        captions: pictures of the subject whose captions are learned, and as many of others (see `captions`).

    """

    placement: Literal["user", "system"]
    head: Literal["identifier", "all"]
    initial: Literal["random", "words", "pooled", "photos"]
    photos: Positive | None
    captions: Count


class SoftPromptVariant(Method):
    """A soft prompt per subject, as `vlm.SoftPrompt` keeps it."""

    Settings = Settings

    def fit(self, subjects: Sequence[Subject]) -> None:
        """Learn the subjects one after another; raises UserError if one has fewer photos than asked for."""
        from stages.methods.soft_prompt_variant.fitting import learned

        for subject in subjects:
            prompt = learned(self._base(), subject, self.settings, self.name, self.tools)
            prompt.save(self.folder / subject.id)

    def answers(self, photos: Sequence[Path | bytes], asks: Sequence[Ask]) -> "list[vlm.Answer]":
        """Let the base model answer, with the soft prompt where it was learned."""
        from stages.methods.ask import answer_all

        known = {s: self._read(s) for s in dict.fromkeys(s for ask in asks for s in ask.subjects)}
        definitions = [tuple(known[subject] for subject in ask.subjects) or None for ask in asks]
        return answer_all(self._base(), photos, asks, definitions, self.tools.batch_size, self.name)

    def cost(self, name: str, subject: str) -> Cost:
        """All rows that are learned."""
        from stages.methods.ask import prompt_tokens
        from stages.vlm.soft_prompt import WEIGHTS

        prompt = self._read(subject)
        values = prompt.embeddings.numel() + prompt.output_row.numel()
        stored = (self.folder / subject / WEIGHTS).stat().st_size
        return Cost(values, stored, prompt_tokens(self._base(), prompt))

    def _base(self) -> "vlm.Base":
        from stages import vlm

        base = self.tools.base()
        return vlm.in_system(base) if self.settings.placement == "system" else base

    def _read(self, subject: str) -> "vlm.SoftPrompt":
        from stages import vlm

        return vlm.SoftPrompt.load(self.folder / subject, self.tools.base(), made_by=f"fit@{self.name}")


METHOD = SoftPromptVariant
