"""Trains adapters on subjects' datasets, and answers with each in place."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from torch import get_num_threads

from common import vlm
from common.core import io, paths
from common.methods.interface import Cost, Method, MethodSubject, Photos, Request
from common.methods.lora import adapter, launching, stored
from common.methods.lora.learn import learn
from common.methods.lora.processes import Processes
from common.methods.lora.settings import LoraSettings
from common.methods.respond import answer_all
from common.training import samples
from common.training.checkpoint import Checkpoint
from common.training.curves import Curves

ALL = "all"  # folder of the one adapter for all


class Lora(Method):
    """A folder per adapter, in PEFT's format, or with all weights of the language model."""

    settings: LoraSettings

    def fit(self, subjects: Sequence[MethodSubject]) -> None:
        """Train an adapter on each subject's dataset, or one on all of them, in one process or several."""
        count = self.settings.processes
        if count > 1 and not launching.launched():
            launching.launch(count, self.settings.accelerate, "stages.fit_baseline", self.name)
            return
        base, processes = launching.join(self.backbones.base)
        with processes.quiet():
            self._fit(subjects, base, processes)
        processes.leave()

    def _fit(self, subjects: Sequence[MethodSubject], base: vlm.Base, processes: Processes) -> None:
        chosen = self.settings
        config = adapter.describe(
            base,
            rank=chosen.rank,
            alpha=chosen.alpha,
            dropout=chosen.dropout,
            train_projector=chosen.projector_learning_rate is not None,
        )
        checkpoints = []
        for together in [subjects] if chosen.scope == "all" else [[subject] for subject in subjects]:
            folder = self._folder(together[0].id)
            data = {subject.id: io.sha256_file(subject.dataset) for subject in together}
            if chosen.accelerate:
                data["accelerate"] = io.sha256_file(Path(chosen.accelerate))
            if chosen.conversations:
                data["conversations"] = io.sha256_file(Path(chosen.conversations.file))
            # settings left at their defaults did nothing
            training = chosen.model_dump(exclude_defaults=True) | {"seed": self.backbones.seed}
            info = {"data": data, "training": training}
            checkpoints.append(
                Checkpoint.of(
                    paths.checkpoint(f"{self.name}-{folder.name}"),
                    **info,
                    base=[base.name, base.fingerprint, str(base.model.dtype), base.image_size],
                    bits=str(getattr(base.model.config, "quantization_config", None)),
                    layout=base.layout.describe("", image=True, end_token=True),
                    device=[base.device.type, get_num_threads(), self.backbones.batch_size, processes.count],
                )
            )
            rows = [
                samples.read_rows(subject.dataset, conversations=True, hard=True, easy=True)
                for subject in together
            ]
            training_set = samples.concatenate(
                [samples.TrainingSet.of(own, chosen.balance) for own in crossed(rows)]
            )
            values, learned = learn(
                base,
                config,
                training_set,
                folder.name,
                chosen,
                seed=self.backbones.seed,
                micro_batch_size=self.backbones.batch_size,
                curves=Curves(f"{self.name}/{folder.name}"),
                checkpoint=checkpoints[-1],
                processes=processes,
            )
            if processes.rank == 0:
                stored.save(folder, base, config, values, {**info, **learned})
        # not before all are there: DVC empties the folder of a killed run
        for checkpoint in checkpoints if processes.rank == 0 else ():
            checkpoint.remove()

    def answers(self, photos: Photos, requests: Sequence[Request]) -> list[vlm.Answer]:
        """Subject by subject, each with its adapter applied; questions about no subject go to the base."""
        base = self.backbones.base()
        groups: dict[tuple[Path, ...], list[int]] = defaultdict(list)
        for number, request in enumerate(requests):
            groups[tuple(sorted({self._folder(subject) for subject in request.subjects}))].append(number)
        answers = {}
        for folders, numbers in groups.items():
            with stored.applied(base, folders):
                chosen = [requests[number] for number in numbers]
                replies = answer_all(
                    base, photos, chosen, [None] * len(chosen), self.backbones.batch_size, self.name
                )
            answers |= dict(zip(numbers, replies, strict=True))
        return [answers[number] for number in range(len(requests))]

    def cost(self, name: str, subject: str) -> Cost:
        """The whole adapter, also where all subjects share it."""
        folder = self._folder(subject)
        size = sum(path.stat().st_size for path in folder.iterdir())
        return Cost(io.read_json(folder / stored.INFO)["values"], size, 0)

    def _folder(self, subject: str) -> Path:
        return self.folder / (ALL if self.settings.scope == "all" else subject)


def crossed(datasets: Sequence[list[samples.Row]]) -> list[list[samples.Row]]:
    """Datasets of subjects that share an adapter, with each other's photos in place of easy negatives.

    Otherwise no sample shows a subject under another's name, so that it need not be read: yes to all ten.
    A dataset without others stays as it is. The photos taken are spread evenly over the others.
    """
    made = []
    for number, own in enumerate(datasets):
        rows = list(own)
        others = [row for other in (*datasets[:number], *datasets[number + 1 :]) for row in other]
        for split in ("train", "validation"):
            photos = [row for row in others if row["split"] == split and row["label"] == "yes"]
            easy = [i for i, row in enumerate(rows) if row["split"] == split and row["role"] == "easy"]
            for place, i in enumerate(easy if photos else ()):
                photo = photos[place * len(photos) // len(easy)]
                rows[i] = {**rows[i], "image": photo["image"], "image_sha256": photo["image_sha256"]}
        made.append(rows)
    return made


METHOD = Lora
