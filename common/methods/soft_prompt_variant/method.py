"""Learns a variant's soft prompts one after another, and answers with each in place."""

from collections.abc import Sequence

from common import vlm
from common.methods.interface import Cost, Method, MethodSubject, Photos, Request
from common.methods.respond import answer_all, prompt_tokens
from common.methods.soft_prompt_variant.fitting import fit_subject
from common.methods.soft_prompt_variant.settings import VariantSettings
from common.vlm.soft_prompt import WEIGHTS


class SoftPromptVariant(Method):
    """A soft prompt per subject, as `vlm.SoftPrompt` keeps it."""

    settings: VariantSettings

    def fit(self, subjects: Sequence[MethodSubject]) -> None:
        """Learn the subjects one after another; raises UserError if one has fewer photos than asked for."""
        for subject in subjects:
            prompt = fit_subject(self._base(), subject, self.settings, self.name, self.backbones)
            prompt.save(self.folder / subject.id)

    def answers(self, photos: Photos, requests: Sequence[Request]) -> list[vlm.Answer]:
        """Let the base model answer, with the soft prompt where it was learned."""
        known = {s: self._read(s) for s in dict.fromkeys(s for request in requests for s in request.subjects)}
        definitions = [tuple(known[subject] for subject in request.subjects) or None for request in requests]
        return answer_all(self._base(), photos, requests, definitions, self.backbones.batch_size, self.name)

    def cost(self, name: str, subject: str) -> Cost:
        """All rows that are learned."""
        prompt = self._read(subject)
        values = prompt.embeddings.numel() + prompt.output_row.numel()
        stored = (self.folder / subject / WEIGHTS).stat().st_size
        return Cost(values, stored, prompt_tokens(self._base(), prompt))

    def _base(self) -> vlm.Base:
        base = self.backbones.base()
        return vlm.in_system(base) if self.settings.placement == "system" else base

    def _read(self, subject: str) -> vlm.SoftPrompt:
        return vlm.SoftPrompt.load(
            self.folder / subject, self.backbones.base().fingerprint, made_by=f"fit_baseline@{self.name}"
        )


METHOD = SoftPromptVariant
