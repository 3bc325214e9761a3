"""What soft prompts put in place of a name, as they lie on the disk; and nothing, for the base."""

from collections.abc import Sequence

from common import vlm
from common.core import paths
from common.core.errors import UserError
from common.methods.interface import InPrompt
from common.vlm.soft_prompt import INFO


class LearnedPrompts(InPrompt):
    """Soft prompts as they lie on the disk; one that was learned anew since is read again."""

    def __init__(self, base: vlm.Base, epoch: int | None = None) -> None:
        """Read nothing yet; with an epoch, later as they were after it."""
        self.base, self.epoch = base, epoch
        self._known: dict[str, tuple[int, vlm.SoftPrompt]] = {}

    def definition(self, subjects: Sequence[str]) -> vlm.Definition:
        """The learned rows."""
        prompts = tuple(self._read(subject) for subject in subjects)
        return prompts if prompts[1:] else prompts[0] if prompts else None

    def at_checkpoint(self, epoch: int) -> "LearnedPrompts":
        """What was learned after so many epochs; UserError when it is asked, if that was not kept."""
        return LearnedPrompts(self.base, epoch)

    def _read(self, subject: str) -> vlm.SoftPrompt:
        folder = paths.subject_model(subject)
        if self.epoch is not None:
            folder = paths.subject_epochs(subject) / str(self.epoch)
            if not folder.is_dir():
                raise UserError(
                    f"{subject} keeps no epoch {self.epoch}: set train.keep_epochs to true in {paths.PARAMS} "
                    f"and run `dvc repro train@{subject}`"
                )
        card = folder / INFO
        written = card.stat().st_mtime_ns if card.is_file() else 0
        if subject not in self._known or self._known[subject][0] != written:
            self._known[subject] = written, vlm.SoftPrompt.load(folder, self.base.fingerprint)
        return self._known[subject][1]


class Nothing(InPrompt):
    """The base, which knows nobody."""

    def definition(self, subjects: Sequence[str]) -> None:
        """Nothing."""
