"""Puts each subject's words and photos before the questions about it."""

from collections.abc import Sequence
from functools import cache

from common import vlm
from common.methods import prompt_context
from common.methods.interface import Cost, InPrompt, Method, MethodSubject, Photos, Request
from common.methods.respond import answer_all, prompt_tokens


class Prompting(Method, InPrompt):
    """A folder per subject: what is put before every question about it."""

    settings: prompt_context.ContextSettings

    def fit(self, subjects: Sequence[MethodSubject]) -> None:
        """Choose the words and copy the photos; raises UserError if a subject lacks them."""
        prompt_context.write_context(self.folder, subjects, self.settings, self.name)

    def answers(self, photos: Photos, requests: Sequence[Request]) -> list[vlm.Answer]:
        """Let the base model answer with each subject's prompt before the question."""
        asked = {request.subjects: None for request in requests}
        known = {subjects: self.definition(subjects) for subjects in asked}
        definitions = [known[request.subjects] for request in requests]
        return answer_all(
            self.backbones.base(), photos, requests, definitions, self.backbones.batch_size, self.name
        )

    def cost(self, name: str, subject: str) -> Cost:
        """Nothing is learned; words and photos are stored."""
        added = prompt_tokens(self.backbones.base(), self.definition([subject]))
        return Cost(0, prompt_context.stored_bytes(self.folder, subject), added)

    def definition(self, subjects: Sequence[str]) -> vlm.Definition:
        """Words and photos of these subjects, one after another."""
        parts = [self._told(subject) for subject in subjects]
        if len(parts) < 2:
            return parts[0] if parts else None
        if self.settings.references:
            return vlm.InterleavedText.concatenate(parts)
        return " ".join(parts)

    @cache  # noqa: B019  # a method lives as long as the process
    def _told(self, subject: str) -> vlm.Definition:
        words, photos = prompt_context.read_context(self.folder, subject)
        if not photos:
            return words
        shown = [f"<{subject}> is {vlm.IMAGE_PLACEHOLDER}." for _ in photos]
        text = " ".join([words, *shown] if words else shown)
        return vlm.InterleavedText(
            text, vlm.image_tokens(self.backbones.base(), photos, self.backbones.batch_size)
        )


METHOD = Prompting
