"""One subject of the dataset: its photos, questions and hard negatives, and how they are copied."""

from dataclasses import dataclass
from pathlib import Path

from commands.add.published import dataset
from commands.add.published.dataset import PublishedSubject
from commands.add.yollava.negatives import Negatives
from common.core import io
from common.testdata.ground_truth import Questions

CORPUS = "negatives"  # the folder of all subjects' hard negatives


@dataclass(frozen=True)
class DatasetSubject(PublishedSubject):
    """One subject, not yet copied."""

    name: str
    questions: Questions
    negatives: Negatives

    def place(self, folder: Path, ours: Path) -> None:
        """See PublishedSubject."""
        super().place(folder, ours)
        if self.negatives.files:
            dataset.copy(self.negatives.files, ours / CORPUS / self.id)
        io.write_json(folder / "truth/questions.json", self.questions.model_dump(exclude_none=True))
