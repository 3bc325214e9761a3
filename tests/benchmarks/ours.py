"""All that the benchmarks use of our engine, in one place."""

from collections.abc import Mapping, Sequence

import torch
from PIL import Image

from stages import vlm
from stages.core.seed import torch_stream
from stages.train.learn import Recipe, learn
from stages.train.samples import Lesson
from tests.benchmarks.plain import LEARNING_RATE, WEIGHT_DECAY

SEED, LATENT_TOKENS, AT_ONCE = 0, 16, 32


def start(base: vlm.Base, subject: str) -> vlm.SoftPrompt:
    """The rows that `train` begins with."""
    return vlm.SoftPrompt.initial(base, subject, LATENT_TOKENS, torch_stream(SEED, "train", subject, "rows"))


def order(subject: str, samples: int) -> list[int]:
    """The order in which `train` takes the samples in the first epoch."""
    return torch.randperm(samples, generator=torch_stream(SEED, "train", subject, "order")).tolist()


def train(
    base: vlm.Base, lessons: Mapping[str, Lesson], *, epochs: int, batch_size: int
) -> dict[str, vlm.SoftPrompt]:
    """Train subjects as the pipeline does, by the paper's recipe."""
    recipe = Recipe(
        latent_tokens=LATENT_TOKENS,
        initial="random",
        epochs=epochs,
        learning_rate=LEARNING_RATE,
        schedule="constant",
        weight_decay=WEIGHT_DECAY,
        batch_size=batch_size,
        balance=False,
        seed=SEED,
        scored_at_once=AT_ONCE,
    )
    return {subject: learn(base, subject, lesson, recipe)[0] for subject, lesson in lessons.items()}


def encode(base: vlm.Base, images: Sequence[Image.Image]) -> vlm.PrefixCache:
    """What `train` does once, before the first step."""
    return vlm.encode_prefixes(base, images, AT_ONCE)


def gradients(
    base: vlm.Base, prompt: vlm.SoftPrompt, lesson: Lesson, chosen: Sequence[int]
) -> list[torch.Tensor]:
    """Gradients of the learned rows, input (k+1, D) and output (1, D), for the mean loss of these samples."""
    samples = [lesson.training[i] for i in chosen]
    rows = [r.to(base.device, copy=True).requires_grad_() for r in (prompt.embeddings, prompt.output_row)]
    suffixes = [vlm.suffix(base, prompt, s.question, s.answer, image=s.image is not None) for s in samples]
    prefixes = encode(base, lesson.images).batch([sample.image for sample in samples])
    vlm.suffix_loss(base, prefixes, suffixes, *rows).mean().backward()
    return [learned.grad for learned in rows]
