"""python -m benchmarks.evaluation [--model NAME]: the recognition test, each photo for each subject.

Ours computes a photo's prefix once for all subjects. The reference runs the model on the whole sequence of
each pair, image included; the alternative keeps image features and runs whole sequences in batches. Each
reads the answer off one forward, without generation. Some photos or pairs are timed and scaled to the test.
"""

from dataclasses import dataclass, replace
from functools import partial

import torch
from PIL import Image

from benchmarks import data, ours
from benchmarks.alternative import AT_ONCE, Featured
from benchmarks.compare import Benchmark, Measure, Taken
from benchmarks.plain import Whole, grown, wholes
from benchmarks.reference import Plain
from common import vlm
from common.core import errors
from common.core.images import load_image
from common.prompts.evaluation import recognition_question
from common.training.samples import Sample
from stages.evaluate.photos import EvalPhoto

PHOTOS = 32  # that ours is timed on
PAIRS = 24  # that the reference is timed on
BATCHES = 2  # that the alternative is timed on


@dataclass(frozen=True)
class EvalSet:
    """Subjects, some photos, and how many photos the whole test has."""

    prompts: list[vlm.SoftPrompt]
    photos: list[EvalPhoto]
    all_photos: int

    @classmethod
    def of(cls, base: vlm.Base, model: str, one_in: int = 1) -> "EvalSet":
        """The test for a model, every so many-th photo, with soft prompts as they are before training."""
        subjects, photos, all_photos = data.eval_set(model, PHOTOS)
        return cls([ours.start(base, subject) for subject in subjects], photos[::one_in], all_photos)

    @property
    def pairs(self) -> int:
        """Of the whole test."""
        return self.all_photos * len(self.prompts)

    def images(self) -> list[Image.Image]:
        """The photos, read."""
        return [load_image(photo.path) for photo in self.photos]

    def sequences(self, base: vlm.Base) -> list[Whole]:
        """Every photo with every subject, photo by photo."""
        by_subject, first = [], 0
        for prompt in self.prompts:
            question = recognition_question(prompt.subject)
            samples = [Sample(question, "", photo, None) for photo in range(len(self.photos))]
            by_subject.append(wholes(base, prompt, samples, answered=False, first=first))
            first += len(prompt.embeddings)
        return [pair for of_photo in zip(*by_subject, strict=True) for pair in of_photo]


def engine(base: vlm.Base, model: str, of: Measure, one_in: int, subjects: int | None = None) -> Taken:
    """Ours, all pairs of some photos; or, with one of the subjects only, as if each were tested alone."""
    eval_set = EvalSet.of(base, model, one_in)
    prompts, photos = eval_set.prompts[:subjects], eval_set.photos
    run = len(photos) * len(prompts)
    return Taken(
        of(lambda: ours.recognize(base, prompts, photos)) * (eval_set.pairs / run), eval_set.pairs, run
    )


def reference(base: vlm.Base, model: str, of: Measure, one_in: int) -> Taken:
    """The plain way, some pairs."""
    eval_set = EvalSet.of(base, model, one_in)
    chosen = _spread(eval_set.sequences(base), PAIRS // one_in)
    with grown(base, eval_set.prompts):
        plain = Plain(base, eval_set.images())
        taken = of(lambda: [plain.logits(pair) for pair in chosen])
    return Taken(taken * (eval_set.pairs / len(chosen)), eval_set.pairs, len(chosen))


def alternative(base: vlm.Base, model: str, of: Measure, one_in: int) -> Taken:
    """Features of some photos, and some batches of pairs."""
    eval_set = EvalSet.of(base, model, one_in)
    images = eval_set.images()
    chosen = _spread(eval_set.sequences(base), BATCHES * AT_ONCE // one_in)
    batches = [chosen[start : start + AT_ONCE] for start in range(0, len(chosen), AT_ONCE)]
    made: list[Featured] = []
    with grown(base, eval_set.prompts):
        features = of(lambda: made.append(Featured(base, images))) * (eval_set.all_photos / len(images))
        answers = of(lambda: [made[0].scores(batch) for batch in batches]) * (eval_set.pairs / len(chosen))
    return Taken(features + answers, eval_set.pairs, len(chosen))


def _spread(sequences: list[Whole], count: int) -> list[Whole]:
    """Evenly chosen ones."""
    count = min(count, len(sequences))
    return [sequences[at * len(sequences) // count] for at in range(count)]


def exactness(base: vlm.Base, model: str) -> dict[str, float | None]:
    """The largest differences in the probability of Yes rather than No, for a few pairs."""
    eval_set = EvalSet.of(base, model)
    few = replace(eval_set, prompts=eval_set.prompts[:3], photos=eval_set.photos[:3])
    ids = [base.layout.first_id(option) for option in ("Yes", "No")]
    own = torch.tensor([answer.probabilities for answer in ours.recognize(base, few.prompts, few.photos)])
    sequences = few.sequences(base)
    with grown(base, few.prompts):
        plain, featured = Plain(base, few.images()), Featured(base, few.images())
        logits = torch.cat([plain.logits(pair)[:, -1] for pair in sequences]), featured.scores(sequences)
    whole, batch = (each[:, ids].float().softmax(-1).cpu() for each in logits)
    return {
        "max_relative_gradient_error": None,  # nothing is learned here
        "max_probability_error": (own - whole).abs().max().item(),
        "max_probability_error_alternative": (batch - whole).abs().max().item(),
    }


BENCHMARK = Benchmark(
    name="evaluation",
    title="The recognition test (seconds of the whole, by the pairs timed)",
    systems={
        "ours": engine,
        "ours_single": partial(engine, subjects=1),
        "reference": reference,
        "alternative": alternative,
    },
    ratios={
        "": ("reference", "ours"),
        "_single": ("reference", "ours_single"),
        "_alternative": ("alternative", "ours"),
    },
    exactness=exactness,
    counted=4,
    timed=4,
    enough=40.0,
)


def main(*words: str) -> str:
    """Measure the recognition test."""
    return BENCHMARK.main(words)


if __name__ == "__main__":
    errors.run(main)
