"""Soft prompts as others place, start and train them, to be compared with `stages.train`'s.

Learned by the same code from the same data: with train's settings, a section learns train's rows to the byte.
What may differ: where the definition stands (the paper's figures have it in the system turn), whether latent
tokens get output rows (the published code trains them, though no answer ever contains one), where the rows
begin, how many photos are learned from, and whether captions are.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from common.core.settings import Count, CountOrZero, MethodSettings, Train
from common.core.vocabulary import VariantInitialRows
from common.methods.interface import Cost, Method, MethodSubject, Photos, Request

if TYPE_CHECKING:
    from common import vlm


class VariantSettings(MethodSettings, Train):
    """What params.yaml holds under `train`, where null is not allowed, and what a variant changes.

    Attributes:
        placement: of the definition: user, after the photo, as train | system, before it (paper's figures).
        head: which rows are learned in the output layer: the identifier's | all, as in the published code.
        initial: where latent tokens begin; words are those of the base's short description (see `start`).
        photos: how many are learned from, the first by name; None for all.
        first_epoch, end_token, held_out: as under `train`; as it is there if left out.
        captions: pictures of the subject whose captions are learned, and as many of others (see `captions`).

    """

    placement: Literal["user", "system"]
    head: Literal["identifier", "all"]
    initial: VariantInitialRows
    photos: Count | None
    captions: CountOrZero
    first_epoch: Count = 1
    end_token: bool = True
    held_out: Annotated[float, Field(ge=0, lt=1)] = 0.0


class SoftPromptVariant(Method):
    """A soft prompt per subject, as `vlm.SoftPrompt` keeps it."""

    Settings = VariantSettings

    def fit(self, subjects: Sequence[MethodSubject]) -> None:
        """Learn the subjects one after another; raises UserError if one has fewer photos than asked for."""
        from common.methods.soft_prompt_variant.fitting import fit_subject

        for subject in subjects:
            prompt = fit_subject(self._base(), subject, self.settings, self.name, self.backbones)
            prompt.save(self.folder / subject.id)

    def answers(self, photos: Photos, requests: Sequence[Request]) -> "list[vlm.Answer]":
        """Let the base model answer, with the soft prompt where it was learned."""
        from common.methods.respond import answer_all

        known = {s: self._read(s) for s in dict.fromkeys(s for request in requests for s in request.subjects)}
        definitions = [tuple(known[subject] for subject in request.subjects) or None for request in requests]
        return answer_all(self._base(), photos, requests, definitions, self.backbones.batch_size, self.name)

    def cost(self, name: str, subject: str) -> Cost:
        """All rows that are learned."""
        from common.methods.respond import prompt_tokens
        from common.vlm.soft_prompt import WEIGHTS

        prompt = self._read(subject)
        values = prompt.embeddings.numel() + prompt.output_row.numel()
        stored = (self.folder / subject / WEIGHTS).stat().st_size
        return Cost(values, stored, prompt_tokens(self._base(), prompt))

    def _base(self) -> "vlm.Base":
        from common import vlm

        base = self.backbones.base()
        return vlm.in_system(base) if self.settings.placement == "system" else base

    def _read(self, subject: str) -> "vlm.SoftPrompt":
        from common import vlm

        return vlm.SoftPrompt.load(
            self.folder / subject, self.backbones.base().fingerprint, made_by=f"fit_baseline@{self.name}"
        )


METHOD = SoftPromptVariant
