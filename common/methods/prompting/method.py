"""Nothing is learned: words about the subject, or photos of it, stand in the prompt.

The paper's prompting baselines: a description, by a human or by the base model itself, and reference photos
in context ("`<bo>` is `<image>`."). The photo that is asked about comes first, as the embedded base was
trained to read it, so its prefix is computed once for all subjects and the reference photos belong to the
suffix. LLaVA-1.5 was trained on one image per conversation: with `references` it is asked something that it
never saw, which is what the number then tells.
"""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from common.methods import prompt_context
from common.methods.interface import Cost, InPrompt, Method, MethodSubject, Photos, Request

if TYPE_CHECKING:
    from common import vlm


class Prompting(Method, InPrompt):
    """A folder per subject: what is put before every question about it."""

    Settings = prompt_context.ContextSettings

    def fit(self, subjects: Sequence[MethodSubject]) -> None:
        """Choose the words and copy the photos; raises UserError if a subject lacks them."""
        prompt_context.write_context(self.folder, subjects, self.settings, self.name)

    def answers(self, photos: Photos, requests: Sequence[Request]) -> "list[vlm.Answer]":
        """Let the base model answer with each subject's prompt before the question."""
        from common.methods.respond import answer_all

        asked = {request.subjects: None for request in requests}
        known = {subjects: self.definition(subjects) for subjects in asked}
        definitions = [known[request.subjects] for request in requests]
        return answer_all(
            self.backbones.base(), photos, requests, definitions, self.backbones.batch_size, self.name
        )

    def cost(self, name: str, subject: str) -> Cost:
        """Nothing is learned; words and photos are stored."""
        from common.methods.respond import prompt_tokens

        added = prompt_tokens(self.backbones.base(), self.definition([subject]))
        return Cost(0, prompt_context.stored_bytes(self.folder, subject), added)

    def definition(self, subjects: Sequence[str]) -> "vlm.Definition":
        """Words and photos of these subjects, one after another."""
        from common import vlm

        parts = [self._told(subject) for subject in subjects]
        if len(parts) < 2:
            return parts[0] if parts else None
        if self.settings.references:
            return vlm.InterleavedText.concatenate(parts)
        return " ".join(parts)

    @cache  # noqa: B019  # a method lives as long as the process
    def _told(self, subject: str) -> "vlm.Definition":
        from common import vlm

        words, photos = prompt_context.read_context(self.folder, subject)
        if not photos:
            return words
        shown = [f"<{subject}> is {vlm.IMAGE_PLACEHOLDER}." for _ in photos]
        text = " ".join([words, *shown] if words else shown)
        return vlm.InterleavedText(
            text, vlm.image_tokens(self.backbones.base(), photos, self.backbones.batch_size)
        )


METHOD = Prompting
