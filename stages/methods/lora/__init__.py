"""Plain LoRA: low-rank changes of the language model's weights, learned from the subject's questions.

The subject's name stays plain text, ``<bo>``; no row and no prompt is added. As in "Can we add personalized
knowledge naively" (YAICON), which is LLaVA's own LoRA script on personal data. One adapter per subject, or
one for all. To answer, the adapter is merged into the base, and taken out again.
"""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from stages.core import io, samples
from stages.core.settings import MethodSettings
from stages.methods.interface import Ask, Cost, Method, Subject

if TYPE_CHECKING:
    from stages import vlm

ALL = "all"  # folder of the one adapter for all

Positive = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0)]


class Settings(MethodSettings):
    """See params.yaml."""

    scope: Literal["subject", "all"]
    rank: Positive
    alpha: Rate
    dropout: Annotated[float, Field(ge=0, lt=1)]
    learning_rate: Rate
    projector_learning_rate: Rate | None
    warmup: Annotated[float, Field(ge=0, le=1)]
    weight_decay: Annotated[float, Field(ge=0)]
    max_grad_norm: Rate
    epochs: Positive
    batch_size: Positive
    balance: bool
    gradient_checkpointing: bool


class Lora(Method):
    """A folder per adapter, in PEFT's format."""

    Settings = Settings

    def fit(self, subjects: Sequence[Subject]) -> None:
        """Train an adapter on each subject's dataset, or one on all of them."""
        from stages.methods.lora import adapter
        from stages.methods.lora.learn import learn

        chosen = self.settings
        base = self.tools.base()
        config = adapter.describe(base, rank=chosen.rank, alpha=chosen.alpha, dropout=chosen.dropout)
        for together in [subjects] if chosen.scope == "all" else [[subject] for subject in subjects]:
            folder = self._folder(together[0].id)
            lesson = samples.joined([self._lesson(subject) for subject in together])
            values, learned = learn(
                base,
                config,
                lesson,
                folder.name,
                chosen,
                seed=self.tools.seed,
                at_once=self.tools.batch_size,
            )
            data = {subject.id: io.sha256_file(subject.dataset) for subject in together}
            info = {"data": data, "training": chosen.model_dump() | {"seed": self.tools.seed}, **learned}
            adapter.save(folder, base, config, values, info)

    def answers(self, photos: Sequence[Path], asks: Sequence[Ask]) -> "list[vlm.Answer]":
        """Subject by subject, each with its adapter merged; questions about no subject go to the base."""
        from stages.methods.ask import answer_all
        from stages.methods.lora.adapter import merged

        groups: dict[tuple[Path, ...], list[int]] = defaultdict(list)
        for number, ask in enumerate(asks):
            groups[tuple(sorted({self._folder(subject) for subject in ask.subjects}))].append(number)
        base, answers = self.tools.base(), {}
        for folders, numbers in groups.items():
            with merged(base, folders):
                chosen = [asks[number] for number in numbers]
                found = answer_all(
                    base, photos, chosen, [None] * len(chosen), self.tools.batch_size, self.name
                )
            answers |= dict(zip(numbers, found, strict=True))
        return [answers[number] for number in range(len(asks))]

    def cost(self, name: str, subject: str) -> Cost:
        """The whole adapter, also where all subjects share it."""
        from stages.methods.lora.adapter import INFO

        folder = self._folder(subject)
        stored = sum(path.stat().st_size for path in folder.iterdir())
        return Cost(io.read_json(folder / INFO)["values"], stored, 0)

    def _folder(self, subject: str) -> Path:
        return self.folder / (ALL if self.settings.scope == "all" else subject)

    def _lesson(self, subject: Subject) -> samples.Lesson:
        rows = samples.read(subject.dataset, conversations=True, hard=True, easy=True)
        return samples.Lesson.of(rows, self.settings.balance)


METHOD = Lora
