"""The training loop: AdamW on k+1 input rows and one output row, every prefix computed once.

Owns steps, validation and the choice of the epoch. Does not own the loss (`vlm.suffix_loss`), the rows' files
(`vlm.SoftPrompt`) or which samples there are (`samples`). A killed run starts again from nothing: no file is
written before the end, and the whole takes minutes.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from stages import vlm
from stages.core.errors import UserError
from stages.core.progress import bar
from stages.core.seed import torch_stream
from stages.train.samples import Lesson, Sample

SCHEDULES: dict[str, Callable[[float], float]] = {  # share of the steps done → factor of the learning rate
    "constant": lambda done: 1.0,
    "cosine": lambda done: (1 + math.cos(math.pi * done)) / 2,
}


@dataclass(frozen=True)
class Recipe:
    """What params.train asks for, and the seed."""

    latent_tokens: int
    initial: str  # random | photos
    epochs: int
    learning_rate: float
    schedule: str  # a key of SCHEDULES
    weight_decay: float
    batch_size: int
    balance: bool  # only recorded here; the samples carry their weights
    seed: int
    scored_at_once: int  # validation questions, and pictures, per forward


def learn(
    base: vlm.Base, subject: str, lesson: Lesson, recipe: Recipe
) -> tuple[vlm.SoftPrompt, list[dict[str, Any]]]:
    """Train one subject; return the best epoch's soft prompt and the curve, one row per epoch.

    The best epoch is, as in the paper, the one with the highest mean of the shares of positives and of
    negatives told rightly on the validation samples; of equal ones, the latest.

    Raises UserError when the loss is no longer finite.
    """
    start = vlm.SoftPrompt.initial(
        base, subject, recipe.latent_tokens, torch_stream(recipe.seed, "train", subject, "rows")
    )
    if recipe.initial == "photos":
        start = start.seeing(*(_image_tokens(base, lesson, label, recipe) for label in (True, False)))
    prefixes = vlm.encode_prefixes(base, lesson.images, recipe.scored_at_once, progress=f"{subject}: images")
    best, curve = start, []
    for loss, prompt in _epochs(base, start, lesson.training, prefixes, recipe):
        scores = validate(base, prompt, lesson.validation, prefixes, recipe.scored_at_once)
        curve.append({"epoch": len(curve) + 1, "loss": round(loss, 6), **scores})
        if scores["weighted"] == max(row["weighted"] for row in curve):
            best = prompt
            best.info["validation"] = curve[-1]
    steps = recipe.epochs * _steps(lesson.training, recipe)
    best.info.update(
        base={
            "model": base.name,
            "dtype": str(base.model.dtype).removeprefix("torch."),
            "fingerprint": base.fingerprint,
        },
        layout=_layout(base, best),
        training=asdict(recipe) | {"samples": len(lesson.training), "steps": steps},
    )
    return best, curve


def _image_tokens(base: vlm.Base, lesson: Lesson, label: bool, recipe: Recipe) -> torch.Tensor:
    """Image tokens of the validation pictures, which are the unchanged ones, with this label."""
    chosen = [lesson.images[sample.image] for sample in lesson.validation if sample.label is label]
    return vlm.image_tokens(base, chosen, recipe.scored_at_once)


def _epochs(
    base: vlm.Base,
    start: vlm.SoftPrompt,
    samples: Sequence[Sample],
    prefixes: vlm.PrefixCache,
    recipe: Recipe,
) -> Iterator[tuple[float, vlm.SoftPrompt]]:
    """Train, and after each epoch give its mean loss and a copy of the rows."""
    suffixes = [vlm.suffix(base, start, s.question, s.answer, image=s.image is not None) for s in samples]
    weights = torch.tensor([sample.weight for sample in samples], device=base.device)
    embeddings, output_row = (
        rows.to(base.device, copy=True).requires_grad_() for rows in (start.embeddings, start.output_row)
    )
    optimizer = torch.optim.AdamW(
        [embeddings, output_row], lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    steps = recipe.epochs * _steps(samples, recipe)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: SCHEDULES[recipe.schedule](step / steps)
    )
    shuffle = torch_stream(recipe.seed, "train", start.subject, "order")
    with bar(steps, f"{start.subject}: steps") as progress:
        for epoch in range(1, recipe.epochs + 1):
            losses = []
            for batch in torch.randperm(len(samples), generator=shuffle).split(recipe.batch_size):
                chosen = batch.tolist()
                each = vlm.suffix_loss(  # (B,)
                    base,
                    prefixes.batch([samples[i].image for i in chosen]),
                    [suffixes[i] for i in chosen],
                    embeddings,
                    output_row,
                )
                weighed = each * weights[chosen]
                optimizer.zero_grad()
                weighed.mean().backward()
                optimizer.step()
                schedule.step()
                losses.append(weighed.detach())
                progress.update()
            mean = torch.cat(losses).mean().item()  # over samples: the last batch may be small
            if not math.isfinite(mean):
                raise UserError(
                    f"training {start.subject} diverged in epoch {epoch}: lower train.learning_rate"
                )
            yield (
                mean,
                vlm.SoftPrompt(
                    start.subject, embeddings.detach().cpu().clone(), output_row.detach().cpu().clone()
                ),
            )


def _steps(samples: Sequence[Sample], recipe: Recipe) -> int:
    """Steps in one epoch."""
    return math.ceil(len(samples) / recipe.batch_size)


def validate(
    base: vlm.Base,
    prompt: vlm.SoftPrompt,
    samples: Sequence[Sample],
    prefixes: vlm.PrefixCache,
    batch_size: int,
) -> dict[str, float]:
    """Shares of positives and of negatives told rightly, and their mean, "weighted".

    Told rightly means that of Yes and No the right one is more probable as the first word: one forward.
    """
    queries = [vlm.Query(sample.question, sample.image, prompt) for sample in samples]
    answers = vlm.answer(base, queries, prefixes, max_new_tokens=1, batch_size=batch_size)
    right: dict[bool, list[bool]] = {True: [], False: []}
    for sample, answer in zip(samples, answers, strict=True):
        yes, no = answer.probabilities
        right[sample.label].append((yes > no) == sample.label)
    positive, negative = (sum(hits) / len(hits) for hits in (right[True], right[False]))
    scores = {"positive": positive, "negative": negative, "weighted": (positive + negative) / 2}
    return {name: round(value, 6) for name, value in scores.items()}


def _layout(base: vlm.Base, prompt: vlm.SoftPrompt) -> dict[str, str]:
    """The wording around the rows, for readers of the JSON."""
    definition = prompt.text(prompt.token, "<latent>")
    rest = f"{definition} {{question}}{base.layout.cue} {{answer}}{base.tokenizer.eos_token}"
    return {
        "with an image": base.layout.image_prefix + rest,
        "text only": base.layout.text_prefix + base.layout.lead + rest,
    }
