"""Nothing is learned: words about the subject, or photos of it, stand in the prompt.

The paper's prompting baselines: a description, by a human or by the base model itself, and reference photos
in context ("`<bo>` is `<image>`."). The photo that is asked about comes first, as the embedded base was
trained to read it, so its prefix is computed once for all subjects and the reference photos belong to the
suffix. LLaVA-1.5 was trained on one image per conversation: with `references` it is asked something that it
never saw, which is what the number then tells.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stages.methods import material
from stages.methods.interface import Ask, Cost, Method, Subject

if TYPE_CHECKING:
    from stages import vlm


class Prompting(Method):
    """A folder per subject: what is put before every question about it."""

    Settings = material.ToldSettings

    def fit(self, subjects: Sequence[Subject]) -> None:
        """Choose the words and copy the photos; raises UserError if a subject lacks them."""
        material.keep(self.folder, subjects, self.settings, self.name)

    def answers(self, photos: Sequence[Path | bytes], asks: Sequence[Ask]) -> "list[vlm.Answer]":
        """Let the base model answer with each subject's prompt before the question."""
        from stages.methods.ask import answer_all

        known = {s: self._definition(s) for s in dict.fromkeys(s for ask in asks for s in ask.subjects)}
        definitions = [self._joined([known[subject] for subject in ask.subjects]) for ask in asks]
        return answer_all(self.tools.base(), photos, asks, definitions, self.tools.batch_size, self.name)

    def cost(self, name: str, subject: str) -> Cost:
        """Nothing is learned; words and photos are stored."""
        from stages.methods.ask import prompt_tokens

        added = prompt_tokens(self.tools.base(), self._definition(subject))
        return Cost(0, material.stored_bytes(self.folder, subject), added)

    def _definition(self, subject: str) -> "vlm.Definition":
        from stages import vlm

        words, photos = material.read(self.folder, subject)
        if not photos:
            return words
        shown = [f"<{subject}> is {vlm.PHOTO}." for _ in photos]
        text = " ".join([words, *shown] if words else shown)
        return vlm.Illustrated(text, vlm.image_tokens(self.tools.base(), photos, self.tools.batch_size))

    def _joined(self, parts: "Sequence[vlm.Definition]") -> "vlm.Definition":
        from stages import vlm

        if len(parts) < 2:
            return parts[0] if parts else None
        return vlm.Illustrated.joined(parts) if self.settings.references else " ".join(parts)


METHOD = Prompting
