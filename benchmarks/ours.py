"""All that the benchmarks use of our engine, in one place."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain, islice, zip_longest

import torch
from PIL import Image

from benchmarks import data
from benchmarks.plain import LEARNING_RATE, WEIGHT_DECAY
from common import vlm
from common.core.seed import torch_stream
from common.methods.interface import Request, Task
from common.methods.respond import answer_all
from common.prompts.evaluation import recognition_question
from common.prompts.prompt_sets import DRAWN
from common.training import learn, steps
from common.training.recipe import TrainingRecipe
from common.training.run import TrainingRun
from common.training.samples import TrainingSet, share_images
from common.vlm.prefix import WORKING_COPIES
from stages.evaluate.photos import EvalPhoto
from stages.synthesize import interview as interviewing

SEED, LATENT_TOKENS = 0, 16


def at_once(device: torch.device) -> int:
    """Rows in a forward: on a GPU a row's prefix has up to 0.5 GB, and a forward holds it four times."""
    return 8 if device.type == "cuda" else 32


def start(base: vlm.Base, subject: str) -> vlm.SoftPrompt:
    """The rows that `train` begins with."""
    return vlm.SoftPrompt.init_random(
        base.model, subject, LATENT_TOKENS, torch_stream(SEED, "train", subject, "rows")
    )


def order(subject: str, samples: int) -> list[int]:
    """The order in which `train` takes the samples in the first epoch."""
    return torch.randperm(samples, generator=torch_stream(SEED, "train", subject, "order")).tolist()


def recipe(batch_size: int, rows: int, epochs: int = 1) -> TrainingRecipe:
    """The paper's recipe, for fewer epochs."""
    return TrainingRecipe(
        latent_tokens=LATENT_TOKENS,
        initial="random",
        epochs=epochs,
        learning_rate=LEARNING_RATE,
        schedule="constant",
        weight_decay=WEIGHT_DECAY,
        batch_size=batch_size,
        balance=False,
        seed=SEED,
        micro_batch_size=rows,
    )


def train(base: vlm.Base, subject: str, training_set: TrainingSet) -> vlm.SoftPrompt:
    """An epoch of the pipeline's own training."""
    return learn.learn(base, {subject: training_set}, recipe(1, at_once(base.device)))[subject].best


def _room(base: vlm.Base, image: Image.Image, rows: int, share: float) -> vlm.MemoryBudget:
    """A share of the memory that prefixes as long as this image's would find."""
    (prefix,) = vlm.encode_prefixes(base, [image]).prefixes
    free = vlm.MemoryBudget.measure(base.device, WORKING_COPIES * rows * prefix.kv.nbytes, base.prefix_bytes)
    return vlm.MemoryBudget(int(share * free.device), int(share * free.host))


class Training:
    """The same in its three parts, to be measured one by one: prefixes, steps, validation.

    `rows` are those in a forward, None for `at_once`; `share` is the part of the free memory that prefixes
    may take. Where steps are captured for replay, there is a second epoch, which does not capture.
    """

    def __init__(
        self,
        base: vlm.Base,
        training_sets: Mapping[str, TrainingSet],
        batch_size: int,
        rows: int | None = None,
        share: float = 1.0,
    ) -> None:
        self.captured = vlm.capturable(base)  # whether steps are to be, as CUDA graphs
        self._base, self._share = base, share
        self._recipe = recipe(batch_size, rows or at_once(base.device), epochs=2 if self.captured else 1)
        self.training_sets = share_images(training_sets)
        self._trainers = [
            steps.SubjectTrainer.of(base, start(base, subject), training_set.training, self._recipe)
            for subject, training_set in self.training_sets.items()
        ]
        self.trained: dict[str, vlm.SoftPrompt] = {}

    def run(self) -> None:
        """All of it."""
        self.encode()
        self.steps()
        self.validate()

    def encode(self) -> None:
        """Compute the prefixes of all images."""
        images = next(iter(self.training_sets.values())).images
        rows = self._recipe.micro_batch_size
        # as `learn` does
        working = max(steps.largest_micro_batch(self._trainers, self._recipe), math.ceil(rows / 2))
        budget = _room(self._base, images[0], working, self._share) if self._share < 1 else None
        self._prefixes = vlm.encode_prefixes(self._base, images, rows, working_rows=working, budget=budget)
        run = TrainingRun(self._base, self._trainers, self._prefixes, self._recipe)
        self._epochs = chain.from_iterable(run.epochs())

    def kept(self) -> dict[str, int]:
        """How many prefixes lie on the device, how many in host memory, and how many nowhere."""
        places = ["nowhere" if each.kv is None else each.kv.device.type for each in self._prefixes.prefixes]
        return dict(Counter(places))

    def steps(self) -> None:
        """Train all subjects for the next epoch."""
        for trainer, _ in islice(self._epochs, len(self._trainers)):
            self.trained[trainer.subject] = trainer.snapshot()

    def uncaptured_steps(self) -> None:
        """Compute the first epoch's gradients, one forward and backward after another, and update nothing."""
        rows = self._recipe.micro_batch_size
        for batches in zip_longest(*(each.batches[: each.epoch] for each in self._trainers), fillvalue=()):
            samples = [(each, i) for each, batch in zip(self._trainers, batches, strict=True) for i in batch]
            samples.sort(key=lambda sample: len(sample[0].suffixes[sample[1]].ids))
            for forward in (samples[at : at + rows] for at in range(0, len(samples), rows)):
                vlm.suffix_loss(
                    self._base,
                    self._prefixes.batch([trainer.samples[i].image for trainer, i in forward]),
                    [trainer.suffixes[i] for trainer, i in forward],
                    [trainer.prompt for trainer, _ in forward],
                ).sum().backward()
        self.trained = {trainer.subject: trainer.snapshot() for trainer in self._trainers}

    def validate(self) -> None:
        """Score what was learned."""
        for subject, training_set in self.training_sets.items():
            rows = self._recipe.micro_batch_size
            learn.validate(self._base, self.trained[subject], training_set.validation, self._prefixes, rows)


def gradients(
    base: vlm.Base, prompt: vlm.SoftPrompt, training_set: TrainingSet, chosen: Sequence[int]
) -> list[torch.Tensor]:
    """Gradients of the learned rows, input (k+1, D) and output (1, D), for the mean loss of these samples."""
    samples = [training_set.training[i] for i in chosen]
    rows = [r.to(base.device, copy=True).requires_grad_() for r in (prompt.embeddings, prompt.output_row)]
    learned = vlm.SoftPrompt(prompt.subject, *rows)
    suffixes = [vlm.suffix(base, prompt, s.question, s.answer, image=s.image is not None) for s in samples]
    prefixes = vlm.encode_prefixes(base, training_set.images, at_once(base.device))
    shown = prefixes.batch([sample.image for sample in samples])
    vlm.suffix_loss(base, shown, suffixes, [learned] * len(samples)).mean().backward()
    return [row.grad for row in rows]


def recognize(
    base: vlm.Base, prompts: Sequence[vlm.SoftPrompt], photos: Sequence[EvalPhoto]
) -> list[vlm.Answer]:
    """Ask about each photo whether it shows each subject, photo by photo, as `evaluate` does."""
    task = Task("recognition", max_new_tokens=1)
    pairs = [(photo.key, prompt) for photo in photos for prompt in prompts]
    requests = [
        Request(task, "soft_prompt", (prompt.subject,), photo, recognition_question(prompt.subject))
        for photo, prompt in pairs
    ]
    shown = {photo.key: photo.path for photo in photos}
    return answer_all(base, shown, requests, [prompt for _, prompt in pairs], at_once(base.device))


def interview(base: vlm.Base, model: str, photos: int, words: int) -> list[str]:
    """Raw answers of the base model about the subject's first photos, in `synthesize`'s order."""
    subject, kind, shown = data.interviewed(model)
    rows = interviewing.interview(
        base,
        subject,
        kind,
        shown[:photos],
        questions=DRAWN,
        max_new_tokens=words,
        batch_size=at_once(base.device),
    )
    return [row["raw_answer"] for row in rows if "raw_answer" in row]
