"""Photos that training has seen, asked about as in the test, so that a threshold is chosen without the test.

Of each subject: its train photos as they are, and a sample of its negatives. Controls are not asked: a
threshold is given to what was learned.
"""

from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from common.core import io, paths, schema
from common.core import seed as seeds
from common.methods.interface import Photos, Request, Responder
from common.prompts.evaluation import recognition_question
from stages.evaluate.benchmark import Benchmark, Requests, Row
from stages.evaluate.benchmarks.recognition import TASK, read_yes_no
from stages.evaluate.eval_set import EvalSet

if TYPE_CHECKING:
    from common import vlm


class ThresholdImage(NamedTuple):
    """A picture of a subject's training set."""

    subject: str
    role: str  # positive, hard or easy
    sample: int
    sha256: str
    image: bytes

    @property
    def key(self) -> str:
        """What requests call it."""
        return f"{self.subject}/threshold_set/{self.sample}"


class ThresholdSetBenchmark(Benchmark):
    """The recognition question about photos that training has seen."""

    name = "threshold_set"
    schema = schema.THRESHOLD_SET
    sort_by = ("subject", "method", "role", "image_sha256")

    def __init__(self, eval_set: EvalSet) -> None:
        """Draw the photos."""
        super().__init__(eval_set)
        self.images = [
            image
            for subject in eval_set.questions
            for image in draw_images(
                subject,
                io.read_parquet(paths.dataset(subject), schema.DATASET),
                eval_set.settings.threshold_negatives,
                eval_set.seed,
            )
        ]

    @property
    def photos(self) -> Photos:
        """Of the training sets."""
        return {image.key: image.image for image in self.images}

    def build_requests(self, responder: Responder) -> Requests:
        """Each question with the columns known beforehand."""
        requests: Requests = []
        for image in self.images:
            row = {
                "subject": image.subject,
                "role": image.role,
                "image_sha256": image.sha256,
                "label": image.role == "positive",
                "method": responder.name,
            }
            question = recognition_question(image.subject)
            requests.append((row, Request(TASK, responder.name, (image.subject,), image.key, question)))
        return requests

    def parse_response(self, row: Row, answer: "vlm.Answer") -> Row:
        """The finished row of THRESHOLD_SET."""
        return row | read_yes_no(answer)


def draw_images(subject: str, dataset: pa.Table, negatives: int, seed: int) -> list[ThresholdImage]:
    """The unchanged positives of a DATASET table, and at most so many hard and easy negatives, drawn."""
    rows = dataset.filter(pc.field("split") == "validation")
    drawn = []
    for role in ("positive", "hard", "easy"):
        of_role = rows.filter(pc.field("role") == role).select(["sample", "image_sha256", "image"])
        count = of_role.num_rows if role == "positive" else min(negatives, of_role.num_rows)
        generator = seeds.stream(seed, "evaluate", "validation", subject, role)
        chosen = sorted(generator.choice(of_role.num_rows, count, replace=False).tolist())
        drawn += [
            ThresholdImage(subject, role, row["sample"], row["image_sha256"], row["image"]["bytes"])
            for row in of_role.take(pa.array(chosen, pa.int64())).to_pylist()
        ]
    return drawn
